import { LeewardError } from "../core/errors.ts";
import { generation } from "../core/units.ts";
import { type Asked, nextJob } from "./begin.ts";
import { type ItemRecord, lastSegment, move } from "./item.ts";
import { operationFor } from "./job.ts";
import { STATES } from "./state.ts";
import { sameDisks } from "./target-names.ts";

/**
 * The item once the machine that a failover built is being built anew, from another point. What was written on it is lost.
 * @throws Conflict while a job is at work, or when it runs from that point; StateNotAllowed
 */
export function beginChange(old: ItemRecord, asked: Asked): ItemRecord {
  const name = lastSegment(old.id);
  const { job, state, failover } = old;
  if (asked.token && job.operation === operationFor(old.id, "changePoint", asked.token)) return old;
  const { busy, allowed } = STATES[state];
  if (busy) throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (!allowed.includes("ChangePit"))
    throw new LeewardError("StateNotAllowed", `${name} is ${state}: ChangePit is not possible`);
  if (asked.point && failover && sameDisks(asked.point, failover.point))
    throw new LeewardError("Conflict", `${name} runs from recovery point ${failover.point} already`);
  const { failure: _, ...kept } = move(old, "changePoint");
  const { size } = job;
  const build = { ...(size !== undefined && { size }), ...asked.build };
  return {
    ...kept,
    generation: generation(old.generation + 1),
    job: nextJob(old, "changePoint", { ...asked, build }),
  };
}
