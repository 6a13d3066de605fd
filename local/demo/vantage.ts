import { type MachineId, barrierId, machineId } from "../../engine/core/ids.ts";
import { fileKey } from "../../engine/journal/file-key.ts";
import { type DataKey, decodeWrappedKey } from "../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { CONTAINER, keyName } from "../../engine/journal/names.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { AzureObjectStore } from "../../engine/storage/azure-object.ts";
import { connectContainer } from "../../engine/storage/connect.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import type { Box } from "../box/box.ts";
import { operatorOf } from "../box/credential.ts";

/** What somebody has who proves the outcome with nothing but the target journal and the key. */
export interface Vantage {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly key: DataKey;
  readonly point: RecoveryPoint;
}

/** @throws Error when the key or the point is not in the target account. */
export async function vantageOn(box: Box, name: string, pointId: string): Promise<Vantage> {
  const objects = new AzureObjectStore(
    connectContainer(box.plan.targetBlobEndpoint, CONTAINER, operatorOf(box)),
  );
  const machine = machineId(name);
  const wrapped = await objects.get(keyName(machine));
  if (!wrapped) throw new Error(`${keyName(machine)} is not in the target account`);
  const key = await (await fileKey(box.plan.keyFile)).unwrap(decodeWrappedKey(wrapped.body));
  return { objects, machine, key, point: await readPoint(objects, machine, barrierId(pointId)) };
}
