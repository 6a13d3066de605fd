import { NO_DIGEST } from "../../../engine/core/digest.ts";
import { type MachineId, armId } from "../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../../../engine/core/units.ts";
import { encodeManifest, type RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { pointName } from "../../../engine/journal/names.ts";
import { withMade, withReport } from "../../../engine/recovery/barriers.ts";
import { groupIdFor } from "../../../engine/recovery/group.ts";
import { type ItemRecord, itemKey, machineIdFor } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { joinGroup } from "../../../functions/membership.ts";
import type { Services } from "../../../functions/services.ts";
import { NOW, POINT, VAULT, position, protectedItem } from "../engine/recovery/fixture.ts";

export const ID = armId(`${VAULT}/leewardGroups/Shop`);
export const GROUP = groupIdFor(ID);
const barrier = POINT;
export const asked = { group: GROUP, barrier, consistency: "crash" as const };
export const at = { group: GROUP, barrier };

export function itemNamed(name: string): ItemRecord {
  const id = armId(
    `${VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/${name}`,
  );
  return { ...protectedItem(), id, machine: machineIdFor(id, id, "first") };
}

/** A control plane over memory, with these items as members of one group, all protected. */
export async function shop(...names: string[]) {
  let now = NOW;
  const services: Services = {
    ...Object.create(null),
    clock: { now: () => now },
    records: recordsIn(new MemoryRecordStore()),
    target: new MemoryObjectStore(),
  };
  const tools = { services, client: Object.create(null) };
  const items = names.map(itemNamed);
  for (const item of items) {
    await services.records.items.create(itemKey(item.id), item);
    await joinGroup(services, item, ID);
  }
  return {
    services,
    tools,
    items,
    machines: items.map(({ machine }) => machine),
    later: (to: number) => (now = micros(to)),
  };
}
export type Shop = Awaited<ReturnType<typeof shop>>;

/** The agent has set the barrier and trusts it, and it has become a point. */
export async function achieve({ services }: Shop, machine: MachineId, held = true): Promise<void> {
  const point: RecoveryPoint = {
    format: 1,
    machine,
    generation: generation(1),
    id: barrier,
    sequence: sequence(7),
    time: NOW,
    consistency: "crash",
    position: position(3, 9),
    disks: [{ index: diskIndex(0), name: "os", size: bytes(65_536), root: NO_DIGEST }],
    losses: { vm: NOTHING, region: NOTHING },
  };
  const name = pointName(machine, point.generation, point.sequence, barrier);
  await services.target.put(name, encodeManifest(point), "absent");
  await services.records.barriers.update(machine, (old) =>
    withMade(withReport(old, { generation: generation(1), set: [{ id: barrier, held }], refused: [] }, NOW), [
      barrier,
    ]),
  );
}
const NOTHING = { seconds: 0, bytes: bytes(0), writes: 0 };

/** The task hub: starts what is asked for, but for the first `refusals`. */
export function hub(refusals = 0) {
  const started: string[] = [];
  const known = new Set<string>();
  const client = Object.assign(Object.create(null), {
    getStatus: async (instance: string) => {
      if (known.has(instance)) return {};
      throw new Error("the server replied with HTTP 404");
    },
    startNew: async (_: string, { instanceId }: { instanceId: string }) => {
      if (refusals-- > 0) throw new Error("the task hub does not answer");
      if (known.has(instanceId)) throw new Error(`an instance ${instanceId} runs already`);
      started.push(instanceId);
      known.add(instanceId);
      return instanceId;
    },
  });
  return { client, started };
}
