import type { Generation, Sequence } from "../core/units.ts";
import type { AgentRecord } from "./agent-record.ts";
import type { ProgressRecord } from "./progress.ts";

/** A write of a generation. Sequences may be used anew by a later generation. */
interface Mark {
  readonly generation: Generation;
  readonly sequence: Sequence;
}

/**
 * How far a machine's writes have come: captured by the agent, durable in the cache, arrived in the target region, applied
 * to the replica. Each holds at least what the next one holds. A mark that is missing is not known or not begun.
 */
export interface Watermarks {
  readonly captured?: Mark;
  readonly cached?: Mark;
  readonly arrived?: Mark;
  readonly applied?: Mark;
}

/** What is farther down the way has passed all that lies before, whatever the last report said. */
export function watermarks(agent: AgentRecord | undefined, progress: ProgressRecord | undefined): Watermarks {
  const beat = agent?.heartbeat;
  const applied = markOf(progress?.applied);
  const arrived = farthest(markOf(progress?.arrived), applied);
  const cached = farthest(beat && { generation: beat.generation, sequence: beat.cached.sequence }, arrived);
  const captured = farthest(
    beat && { generation: beat.generation, sequence: beat.captured.sequence },
    cached,
  );
  return {
    ...(captured && { captured }),
    ...(cached && { cached }),
    ...(arrived && { arrived }),
    ...(applied && { applied }),
  };
}

const markOf = (mark: Mark | undefined): Mark | undefined =>
  mark && { generation: mark.generation, sequence: mark.sequence };

function farthest(a: Mark | undefined, b: Mark | undefined): Mark | undefined {
  if (!a || !b) return a ?? b;
  if (a.generation !== b.generation) return a.generation > b.generation ? a : b;
  return a.sequence >= b.sequence ? a : b;
}
