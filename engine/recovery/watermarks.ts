import { type AgentRecord, reportedBy } from "./agent-record.ts";
import { markOf as markIn } from "../journal/position.ts";
import type { Reached } from "./losses.ts";
import type { ProgressRecord } from "./progress.ts";
import type { VerificationRecord } from "./verification.ts";

/**
 * How far a machine's writes have come: captured by the agent, durable in the cache, arrived in the target region, applied
 * to the replica, verified against the source's digests. Sequences may be used anew by a later generation. Each holds at least what the next one holds, but
 * for the last two, which are both behind arrived. A mark that is missing is not known or not begun.
 */
export interface Watermarks {
  readonly captured?: Reached;
  readonly cached?: Reached;
  readonly arrived?: Reached;
  readonly applied?: Reached;
  readonly verified?: Reached;
}

/** What is farther down the way has passed all that lies before, whatever the last report said. */
export function watermarks(
  agent: AgentRecord | undefined,
  progress: ProgressRecord | undefined,
  verification?: VerificationRecord,
): Watermarks {
  const reported = reportedBy(agent);
  const applied = markOf(progress?.applied);
  const verified = markOf(verification?.journal.point);
  const arrived = farthest(farthest(markOf(progress?.arrived), applied), verified);
  const cached = farthest(reported?.cached, arrived);
  const captured = farthest(reported?.captured, cached);
  return {
    ...(captured && { captured }),
    ...(cached && { cached }),
    ...(arrived && { arrived }),
    ...(applied && { applied }),
    ...(verified && { verified }),
  };
}

/** Of a journal position, only what a mark has. */
const markOf = (at: Reached | undefined): Reached | undefined =>
  at && { generation: at.generation, ...markIn(at) };

function farthest(a: Reached | undefined, b: Reached | undefined): Reached | undefined {
  if (!a || !b) return a ?? b;
  if (a.generation !== b.generation) return a.generation > b.generation ? a : b;
  return a.sequence >= b.sequence ? a : b;
}
