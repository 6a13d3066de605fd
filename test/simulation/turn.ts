import { LeewardError } from "../../engine/core/errors.ts";
import type { OperationId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import { itemKeyOf, move, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import { operationFor } from "../../engine/recovery/job.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import type { SeedDisk } from "../../engine/replication/seed-reader.ts";
import { giveAway, receive, seedTurn } from "../../functions/reversal.ts";
import type { Plane } from "./control-plane.ts";
import type { Guest } from "./guest.ts";
import { type Machine, principalOf } from "./machine.ts";
import type { Process } from "./scheduler.ts";
import { REGIONS, otherSide } from "./side.ts";
import type { World } from "./world.ts";

/** How the direction that a machine is protected in came to be. */
export interface Turn {
  readonly failover: OperationId;
  /** Whose disks become the base. */
  readonly old: Guest;
  readonly nth: number;
  /** They are the base: agents may register. */
  ready: boolean;
  /** It was looked at what travelled. */
  checked: boolean;
}

/** The machine that a failover built is protected towards the region that it came from. The former one may wake up. */
export async function turnAround(world: World, machine: Machine): Promise<void> {
  const { failover, side, guest: old } = machine;
  const item = (await recordsIn(world.storesOf(side).records).items.get(itemKeyOf(machine.id)))?.value;
  const to = otherSide(side);
  const auditor = machine.auditors[to];
  if (!failover?.built || !item || !auditor) return;
  failover.over = true;
  old.shut = false;
  const nth = ++machine.failovers;
  const operation = operationFor(item.id, "failover", failover.token);
  machine.former.push(old);
  const guest = world.guest(machine.id, machine.truth, nth, failover.built.disks, to);
  const fresh = { failover: undefined, planned: undefined, begun: false, stopped: false };
  Object.assign(machine, { ...fresh, guest, side: to, auditor, trouble: undefined, generation: undefined });
  machine.turn = { failover: operation, old, nth, ready: false, checked: false };
  world.note(`${machine.id} is turned around`);
  world.tally.note("event: the direction is turned around");
  startTurn(world, machine);
}

/** One run of it; several may be at work. */
export function startTurn(world: World, machine: Machine): void {
  const { turn, side } = machine;
  if (!turn) return;
  world.start(`turn:${machine.id}`, machine, async (plane, process) => {
    await run(world, plane, process, turn);
    if (machine.side === side && machine.turn === turn) turn.ready = true;
  });
}

async function run(world: World, plane: Plane, process: Process, turn: Turn): Promise<void> {
  const { machine, services, dice, step } = plane;
  const from = turn.old.side;
  const { services: giving } = world.toolsOf(process, from);
  const given = await giveAway(giving, machine, { failover: turn.failover, to: REGIONS[from] });
  const principal = principalOf(machine, turn.nth);
  await receive(services, given, {
    source: { ...sourceOf(given), region: REGIONS[otherSide(from)], principal },
    target: { ...targetOf(given), region: REGIONS[from] },
  });
  const disks = readersOf(world, process, turn);
  const limits = {
    segmentBytes: bytes(1 + dice.below(200_000)),
    maxBytes: bytes(1 + dice.below(400_000)),
  };
  for (let state = "more"; state === "more";) ({ state } = await seedTurn(services, machine, disks, limits));
  if (step === "both-live")
    await giving.records.items.update(itemKeyOf(machine), (old) => ({ ...old, state: "Protected" }));
}

/** Reading takes time, in which the disks may change, and the region may go. */
const readersOf = (world: World, process: Process, { old }: Turn): SeedDisk[] =>
  old.disks.map(({ index, size }) => ({
    index,
    size,
    read: async (offset, length) => {
      let data = Buffer.alloc(0);
      const perform = async (): Promise<void> => {
        if (world.storm.lost.has(old.side))
          throw new LeewardError("StorageUnavailable", `disk ${index} of ${old.principal} is out of reach`);
        const disks = world.mutation?.step === "stale-base" ? old.initial : old.contents;
        data = Buffer.from(disks[index]?.subarray(offset, offset + length) ?? []);
      };
      await world.scheduler.call({
        process,
        store: "files",
        method: "read",
        args: [`disk ${index}`],
        perform,
      });
      return data;
    },
  }));

/** The first copy is complete, as whoever began it would find. */
export async function completeTurn({ machine, services }: Plane): Promise<void> {
  const { records } = services;
  const progress = (await records.progress.get(machine))?.value;
  await records.items.update(itemKeyOf(machine), (old) =>
    old.state === "InitialReplication" && progress?.point?.generation === old.generation
      ? { ...move(old, "protected"), job: { ...old.job, ended: true } }
      : old,
  );
}
