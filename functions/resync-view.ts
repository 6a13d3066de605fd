import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import { lagBehind } from "./marks-view.ts";
import type { Known } from "../engine/recovery/health.ts";
import type { ResyncProgress } from "../engine/recovery/resync-request.ts";

/** The comparison that the present generation began with, or is about to; null for a machine that never needed one. */
export function resyncOf({ item, agent, progress }: Known): LeewardItem["resync"] {
  const { resync } = progress ?? {};
  const ended = progress?.arrived.generation !== item.generation;
  if (ended && item.resync) {
    const { reason, requestedAt } = item.resync;
    const last = lastOf(resync);
    return {
      state: "requested",
      reason,
      beganTime: toIso(requestedAt),
      base: null,
      sent: null,
      waiting: null,
      scope: null,
      scopeReason: null,
      endedTime: null,
      last,
    };
  }
  if (!resync) return null;
  const beat = agent?.heartbeat?.generation === item.generation ? agent.heartbeat : undefined;
  return {
    state: stateOf(resync, beat?.mode),
    reason: resync.reason,
    beganTime: toIso(resync.begunAt),
    base: resync.base?.id ?? null,
    sent: resync.sent ?? beat?.initialCopy.sent ?? null,
    waiting: beat
      ? lagBehind({ ...beat.captured, generation: beat.generation }, progress?.arrived).copiedBytes
      : null,
    scope: beat?.initialCopy.scope ?? null,
    scopeReason: beat?.initialCopy.why ?? null,
    endedTime: resync.endedAt === undefined ? null : toIso(resync.endedAt),
    last: resync.last ? shown(resync.last) : null,
  };
}

function stateOf({ offered, endedAt }: ResyncProgress, mode: string | undefined) {
  if (endedAt !== undefined) return "ended";
  if (!offered) return "preparing";
  return mode === "streaming" ? "proving" : "comparing";
}

/** While the next one is only asked for, the present one is the last. */
function lastOf(resync: ResyncProgress | undefined) {
  if (resync?.endedAt === undefined) return resync?.last ? shown(resync.last) : null;
  const { reason, begunAt, endedAt, sent } = resync;
  return shown({ reason, begunAt, endedAt, sent: sent ?? 0 });
}

const shown = ({ reason, begunAt, endedAt, sent }: NonNullable<ResyncProgress["last"]>) => ({
  reason,
  beganTime: toIso(begunAt),
  endedTime: toIso(endedAt),
  sent,
});
