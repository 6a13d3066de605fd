import { type Generation, type Sequence, bytes } from "../../engine/core/units.ts";
import { type AgentRecord, reportedBy } from "../../engine/recovery/agent-record.ts";
import type { Announcement } from "../../engine/recovery/announce.ts";
import { guestBetween, plus } from "../../engine/recovery/guest-writes.ts";
import type { Reached } from "../../engine/recovery/losses.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { type Truth, Violation } from "./truth.ts";

/** What the records say that the guest wrote is what it wrote: copies of comparisons are told apart, wherever one looks. */
export function checkCounts(truth: Truth, progress: ProgressRecord, agent: AgentRecord | undefined): void {
  const { captured, cached } = reportedBy(agent) ?? {};
  for (const [name, mark] of Object.entries({ captured, cached, arrived: progress.arrived })) {
    const from = mark && beginningOf(progress, mark.generation);
    if (mark && from !== undefined) checkMark(truth, name, mark, from);
  }
  for (const { generation, from, end } of progress.ended ?? [])
    checkMark(truth, "the end", { ...end, generation }, from);
}

const beginningOf = ({ arrived, from, ended = [] }: ProgressRecord, of: Generation): Sequence | undefined =>
  arrived.generation === of ? from : ended.find(({ generation }) => generation === of)?.from;

type Mark = Pick<Reached, "generation" | "sequence" | "bytes" | "copied">;

function checkMark(truth: Truth, name: string, mark: Mark, from: Sequence): void {
  const said = guestBetween({ sequence: from, bytes: bytes(0) }, mark);
  const really = truth.guestWrites(mark.generation, from, mark.sequence);
  if (said.writes === really.writes && said.bytes === really.bytes) return;
  throw new Violation(
    `count: ${name} of generation ${mark.generation} says ${said.writes} writes (${said.bytes} bytes) up to ${mark.sequence}; the guest made ${really.writes} (${really.bytes})`,
  );
}

/**
 * A failover announces what the guest wrote behind the point, in all generations since, up to what was last said of each: all that could
 * be known. What was recorded in no journal is taken as the agent reported it.
 */
export function checkAnnounced(
  truth: Truth,
  point: Pick<Reached, "generation" | "sequence">,
  {
    announced,
    progress,
    agent,
  }: { announced: Announcement; progress: ProgressRecord; agent: AgentRecord | undefined },
): void {
  const reported = reportedBy(agent);
  const present = progress.arrived.generation;
  const behind = (of: Generation, from: Sequence) => (of === point.generation ? point.sequence : from);
  const now = reported?.captured.generation === present ? reported : undefined;
  const known = now && now.captured.sequence > progress.arrived.sequence ? now.captured : progress.arrived;
  // Something was said since then.
  if (Math.max(known.sequence, point.sequence) !== announced.knownSequence) return;
  if (reported && reported.at > announced.knownUntil) return;
  let lost = plus(
    truth.guestWrites(present, behind(present, progress.from), known.sequence),
    now?.unrecorded,
  );
  for (const { generation, from, end, unrecorded } of progress.ended ?? [])
    if (generation >= point.generation && present !== point.generation)
      lost = plus(
        plus(lost, truth.guestWrites(generation, behind(generation, from), end.sequence)),
        unrecorded,
      );
  if (announced.writes === lost.writes && announced.bytes === lost.bytes) return;
  throw new Violation(
    `count: a failover announces ${announced.writes} writes (${announced.bytes} bytes) behind its point; the guest is known to have made ${lost.writes} (${lost.bytes})`,
  );
}
