import { z } from "zod";
import { sha256 } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type BarrierId, type GroupId, type MachineId, armId, machineId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { parseDocument } from "../journal/json-document.ts";
import { roundName } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";

/*
 * A record is small, and a group is of any size: who takes part in a barrier, or in a failover of all, stands in an object. It
 * is put before the record that names it, and never replaced.
 */

const askedMembers = z.object({
  format: z.literal(1),
  members: z.array(z.string().transform(checked(machineId))).min(1),
});

const failoverMembers = z.object({
  format: z.literal(1),
  /** The items and their own jobs. */
  members: z
    .array(
      z.object({
        item: z.string().transform(checked(armId)),
        operation: z.string().transform(checked(operationId)),
      }),
    )
    .min(1),
});
export type FailoverMember = z.infer<typeof failoverMembers>["members"][number];

/** Keeps who is asked for the barrier, ascending, under a name of what it says: runs that saw other members have lists of their own. */
export async function keepAsked(
  target: ObjectStore,
  group: GroupId,
  barrier: BarrierId,
  members: readonly MachineId[],
): Promise<string> {
  const list = encode(members);
  const name = roundName(group, barrier, sha256(list).slice(0, 32));
  await putOnce(target, name, list);
  return name;
}

/** @throws NotFound, ManifestDamaged */
export async function readAsked(target: ObjectStore, name: string): Promise<MachineId[]> {
  return (await read(target, name, askedMembers)).members;
}

export const keepFailoverMembers = (
  target: ObjectStore,
  name: string,
  members: readonly FailoverMember[],
): Promise<void> => putOnce(target, name, encode(members));

/** @throws NotFound, ManifestDamaged */
export async function readFailoverMembers(target: ObjectStore, name: string): Promise<FailoverMember[]> {
  return (await read(target, name, failoverMembers)).members;
}

async function putOnce(target: ObjectStore, name: string, list: Buffer): Promise<void> {
  try {
    await target.put(name, list, "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
}

async function read<Schema extends z.ZodType>(
  target: ObjectStore,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no list of members ${name}`);
  return parseDocument(name, schema, object.body);
}

const encode = (members: readonly unknown[]): Buffer => Buffer.from(JSON.stringify({ format: 1, members }));
