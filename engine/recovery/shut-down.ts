import type { AgentRecord } from "./agent-record.ts";
import { type ItemRecord, move } from "./item.ts";
import type { OperationId } from "../core/ids.ts";
import { type Micros, generation } from "../core/units.ts";
import type { ProgressRecord } from "./progress.ts";

/** What is still missing of the journal of a source that was shut down. */
export interface Rest {
  /** `unheard`: nobody has said yet that no more can come. */
  readonly state: "all" | "waiting" | "unheard";
  readonly writes: number;
}

/**
 * Whether everything has arrived that the source ever wrote. The agent says with its last heartbeat that it has ended; one that
 * lives on beside the machine, or reads images of its disks, is believed once it spoke behind the end of the machine.
 * @param since when the machine was off
 */
export function restOf(
  { generation: of }: ItemRecord,
  agent: AgentRecord | undefined,
  progress: ProgressRecord | undefined,
  since: Micros,
): Rest {
  const beat = agent?.heartbeat;
  if (!beat || progress?.arrived.generation !== of || beat.generation !== of)
    return { state: "unheard", writes: 0 };
  const writes = Math.max(beat.captured.sequence - progress.arrived.sequence, 0);
  const spoke = beat.images ? beat.at : (agent?.heardAt ?? 0);
  if (!beat.ended && spoke < since) return { state: "unheard", writes };
  const unrecorded = beat.pressure?.unrecorded?.writes ?? 0;
  return writes + unrecorded === 0 ? { state: "all", writes: 0 } : { state: "waiting", writes };
}

/** The item once it is fenced behind that. A second run changes nothing, nor does one that another job has overtaken. */
export function fenced(old: ItemRecord, operation: OperationId): ItemRecord {
  if (old.state !== "ShuttingDown" || old.job.operation !== operation) return old;
  return { ...move(old, "fence"), generation: generation(old.generation + 1) };
}
