import { beginIds } from "./synchronous.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { sequence } from "../../engine/core/units.ts";
import type { Wanted } from "../../engine/replication/moment.ts";
import { actionFor, beginFailover, loseRegion } from "./actions.ts";
import { recover } from "./finish.ts";
import { failOverTogether } from "./group-actions.ts";
import type { Auditor } from "./auditor.ts";
import type { Machine } from "./machine.ts";
import { MUTATIONS } from "./mutations.ts";
import { growOld } from "./old-age.ts";
import { mustBeWhole } from "./rot.ts";
import { mayTurn } from "./side.ts";
import { World } from "./world.ts";

export interface Run {
  readonly seed: number;
  readonly steps: number;
  /** Of everything that happened, in order: the same for the same seed. */
  readonly hash: string;
  /** What must not be, and where it showed: a step, or the end. */
  readonly failure: { readonly at: number | "end"; readonly message: string } | undefined;
  /** The last things that happened. */
  readonly trace: readonly string[];
  readonly machines: number;
  readonly points: number;
  /** States between points that were restored and compared. */
  readonly writes: number;
  readonly restored: number;
  readonly checkpoints: number;
  /** How the disks were built, of each failover. */
  readonly roads: readonly string[];
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>;
}

const STEPS = 400;

/** Of a life with this mutation, if any. To go back and forth takes longer. */
export const stepsOf = (seed: number, mutation?: string): number =>
  mutation === undefined ? STEPS * (mayTurn(seed) ? 2 : 1) : (MUTATIONS[mutation]?.steps ?? STEPS);

/** Some protected machines' whole life, as the seed says. */
export async function simulate(seed: number, steps?: number, mutation?: string): Promise<Run> {
  beginIds();
  const most = steps ?? stepsOf(seed, mutation);
  const world = new World(seed, mutation === undefined ? undefined : MUTATIONS[mutation]);
  const plan = planOf(world);
  let at: number | "end" = 0;
  let points = 0;
  let writes = 0;
  let failure: Run["failure"];
  try {
    await world.prepare();
    for (let step = 0; step < most; step++) {
      at = step;
      world.passSome();
      if (step === plan.lossAt) loseRegion(world);
      if (step >= plan.failoverAt && plan.together && step < plan.failoverAt + 40) failOverTogether(world);
      else if (step >= plan.failoverAt)
        for (const machine of world.machines)
          if (machine.failovers === 0) await beginFailover(world, machine);
      await actionFor(world)?.();
      await world.settle();
    }
    at = "end";
    await recover(world);
    for (const auditor of auditorsOf(world)) points += await auditor.everything();
    await world.group?.auditor.everything();
    for (const machine of world.machines) writes += await restoreWrites(world, machine);
    if (world.thins) await growOld(world);
    if (world.rots === "healable") for (const machine of world.machines) await mustBeWhole(world, machine);
  } catch (error) {
    failure = { at, message: messageOf(error) };
  }
  const sum = (of: "restored" | "checkpoints") =>
    auditorsOf(world).reduce((all, auditor) => all + auditor[of], 0);
  return {
    seed,
    steps: most,
    hash: world.digest(),
    failure,
    trace: world.trace,
    machines: world.machines.length,
    points,
    writes,
    restored: sum("restored"),
    checkpoints: sum("checkpoints"),
    roads: world.roads,
    counts: { ...world.tally.counts, "group: effect on another machine": world.causality.effects },
  };
}

const auditorsOf = ({ machines }: World): Auditor[] => machines.flatMap(({ auditors }) => auditors);

/** The newest write that has arrived, and some before it. Returns how many of them could be reached. */
async function restoreWrites({ dice }: World, { auditor }: Machine): Promise<number> {
  let reached = 0;
  const { arrived } = auditor;
  const wanted: Wanted[] = [{ kind: "newest" }];
  for (let n = 0; n < 3 && arrived; n++)
    wanted.push({ kind: "write", sequence: sequence(Math.max(0, arrived.sequence - dice.below(20))) });
  for (const each of wanted) if (await auditor.anyWrite(each)) reached++;
  return reached;
}

/** When the region is lost and the machines fail over, if so; whatever the number of steps. */
function planOf({ dice, group, turns }: World): { lossAt: number; failoverAt: number; together: boolean } {
  if (turns) {
    const failoverAt = 100 + dice.below(100);
    return { lossAt: dice.chance(0.4) ? failoverAt - dice.below(40) : Infinity, failoverAt, together: false };
  }
  const failoverAt = dice.chance(0.7) ? (group ? 250 : 150) + dice.below(300) : Infinity;
  const lossAt = dice.chance(0.4) ? failoverAt - dice.below(40) : Infinity;
  return { lossAt, failoverAt, together: group !== undefined && dice.chance(0.6) };
}
