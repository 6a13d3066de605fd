import { BLOCK, bytes } from "../../engine/core/units.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import type { HeldPoint } from "../../engine/replication/lineage.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";
import type { Guest } from "./guest.ts";
import type { Machine } from "./machine.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

/**
 * Behind a turn no more travels than differs from the old disks as they became the base, and what the guest changed since it
 * began. @throws Violation
 */
export async function checkTravel(world: World, machine: Machine): Promise<void> {
  const { turn, guest, side } = machine;
  const { status } = guest.running?.capture ?? {};
  if (!turn || turn.checked || world.mutation || world.storm.lied || status?.mode !== "streaming") return;
  const progress = (await recordsIn(world.storesOf(side).records).progress.get(machine.id))?.value;
  if (!progress?.seed || progress.arrived.generation !== status.generation) return;
  turn.checked = true;
  if (progress.resync?.base?.generation !== progress.seed.generation) {
    world.tally.note("turn: everything was copied");
    return;
  }
  world.tally.note("turn: compared with the old disks");
  const base = await restored(world, machine, { machine: machine.id, ...progress.seed });
  const most = differing(guest, base);
  const sent = status.initialCopy.sent;
  const whole = guest.initial.reduce((sum, { length }) => sum + length, 0);
  if (sent < whole) world.tally.note("turn: less than all travelled");
  if (sent > most) throw new Violation(`travel: ${sent} bytes were sent, and ${most} may differ`);
}

async function restored(world: World, { side }: Machine, point: HeldPoint): Promise<Buffer[]> {
  const sinks = point.disks.map(({ size }) => new MemorySink(size));
  const disks = point.disks.map((disk) => ({ ...disk, name: "old" }));
  const objects = world.storesOf(side).target;
  await restorePoint({
    objects,
    key: world.key,
    point: { ...point, disks },
    sinkFor: async ({ index }) => sinks[index],
  });
  return sinks.map(({ content }) => content);
}

function differing({ initial, touched }: Guest, base: readonly Buffer[]): number {
  let sum = 0;
  for (const [i, disk] of initial.entries())
    for (let at = 0; at < disk.length; at += BLOCK) {
      const block = disk.subarray(at, at + BLOCK);
      const old = base[i]?.subarray(at, at + BLOCK);
      if (touched[i]?.has(at / BLOCK) || !old?.equals(block)) sum += block.length;
    }
  return bytes(sum);
}
