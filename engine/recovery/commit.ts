import { LeewardError } from "../core/errors.ts";
import type { Asked } from "./begin.ts";
import { type Built, builtBy } from "./cancel.ts";
import { type ItemRecord, lastSegment, move } from "./item.ts";
import { operationFor } from "./job.ts";
import { STATES, TESTS } from "./state.ts";
import { sameDisks } from "./target-names.ts";

/*
 * A failover that is committed stays: there is no going back to the source, and no other point. What only these would need is
 * deleted. Points and journal stay, unlike in Azure Site Recovery: whoever finds out a day later that the state was already
 * spoiled has nothing else, and the next turn of the direction has the journal as its base.
 */

/**
 * The item once its failover is being committed.
 * @throws Conflict while a job is at work, or a test is made of what will be deleted; StateNotAllowed
 */
export function beginCommit(old: ItemRecord, { now, token }: Pick<Asked, "now" | "token">): ItemRecord {
  const name = lastSegment(old.id);
  const { job, state, test } = old;
  if (token && job.operation === operationFor(old.id, "commit", token)) return old;
  const { busy, allowed } = STATES[state];
  if (busy) throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (!allowed.includes("Commit"))
    throw new LeewardError("StateNotAllowed", `${name} is ${state}: Commit is not possible`);
  if (test && TESTS[test.state].busy)
    throw new LeewardError("Conflict", `job ${test.job.operation} (${test.job.kind}) is at work on ${name}`);
  const { failure: _, ...kept } = move(old, "commit");
  const operation = operationFor(old.id, "commit", token ?? `after ${job.operation}`);
  return { ...kept, job: { operation, kind: "commit", startTime: now, ended: false } };
}

/** Of what the failover and its tries built: disks of other points, and blobs that disks were imported from. */
export const needlessOf = (item: ItemRecord): Built[] =>
  builtBy(item).filter(
    ({ part: { kind, point } }) =>
      kind === "blob" ||
      (kind === "disk" && point && item.failover && !sameDisks(point, item.failover.point)),
  );
