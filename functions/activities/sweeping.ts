import type { MachineId } from "../../engine/core/ids.ts";
import { type Generation, bytes, generation, ordinal } from "../../engine/core/units.ts";
import { baseName, registerName } from "../../engine/journal/names.ts";
import { readerMark } from "../../engine/recovery/reader-marks.ts";
import { writesBehind } from "../../engine/recovery/reachable-writes.ts";
import { type Stock, noRetention, withSwept } from "../../engine/recovery/retention-record.ts";
import { stockOf } from "../../engine/replication/stock.ts";
import { type SweepRequest, type Swept, sweep } from "../../engine/replication/sweep.ts";
import { listWorks } from "../../engine/replication/works.ts";
import type { RetainResult } from "../../orchestrations/contract.ts";
import { noteHealed } from "./healing.ts";
import { type Decided, type RetentionServices, decide, isOver } from "./retained-points.ts";

/** Sweeps every generation of which something may be left, oldest first, and counts what stays. */
export async function sweepFor(
  services: RetentionServices,
  machine: MachineId,
): Promise<RetainResult["state"]> {
  const decided = await decide(services, machine);
  if (!decided) return "ended";
  const { records, clock, target } = services;
  const newest = decided.progress.arrived.generation;
  let { oldest } = decided.record;
  let deletedObjects = 0;
  let stock: Stock | undefined;
  const works = await listWorks(target, machine);
  for (let of = oldest; of <= newest; of = generation(of + 1)) {
    if (await isOver(services, machine)) return "ended";
    const swept = await sweepGeneration(services, decided, { of, works });
    deletedObjects += swept.deleted.length;
    if (swept.empty) await target.delete([registerName(machine, of), baseName(machine, of)]);
    await noteHealed(services, machine, swept.healed.map(mended));
    if (swept.empty && of === oldest) oldest = generation(of + 1);
    stock = sumOf(stock, await stockOf(target, machine, of));
  }
  if (!stock) return "done";
  const swept = { deletedObjects, stock, oldest };
  const now = clock.now();
  await records.retention.upsert(machine, (old = noRetention(machine)) => withSwept(old, swept, now));
  return "done";
}

const mended = (name: string) => ({ name, what: "was damaged, old or gone; written anew" });

const sweepGeneration = (
  { target, clock }: RetentionServices,
  decided: Decided,
  { of, works }: { readonly of: Generation; readonly works: SweepRequest["works"] },
): Promise<Swept> =>
  sweep({
    objects: target,
    machine: decided.item.machine,
    generation: of,
    ...needsOf(decided, of),
    works,
    delay: decided.item.policy.retention.deleteDelay,
    clock: () => clock.now(),
  });

/** What of a generation must stay. */
function needsOf(
  { points, held, retention, progress, verification, based }: Decided,
  of: Generation,
): Pick<SweepRequest, "kept" | "keepFrom" | "arrived" | "writesFrom" | "ended" | "leavesBase"> {
  const kept = [...points, ...held].filter((point) => point.generation === of);
  const writes = writesBehind(of, retention);
  const mark = writes === "all" ? ordinal(0) : readerMark(of, progress, verification);
  const { arrived } = progress;
  return {
    kept,
    keepFrom: mark,
    arrived: of === arrived.generation ? arrived.next : undefined,
    leavesBase: based.has(of) && writes !== "all",
    writesFrom: kept.find(({ id }) => id === writes),
    ended: of < progress.arrived.generation && mark === undefined,
  };
}

const sumOf = (a: Stock | undefined, b: Stock): Stock => ({
  segments: {
    objects: (a?.segments.objects ?? 0) + b.segments.objects,
    bytes: bytes((a?.segments.bytes ?? 0) + b.segments.bytes),
  },
  layers: {
    layers: (a?.layers.layers ?? 0) + b.layers.layers,
    bytes: bytes((a?.layers.bytes ?? 0) + b.layers.bytes),
  },
});
