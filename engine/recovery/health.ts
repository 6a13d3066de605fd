import { CATALOGUE, isErrorCode } from "../core/errors.ts";
import type { Micros } from "../core/units.ts";
import type { AgentRecord, BarriersRecord } from "./agent-record.ts";
import type { HealingRecord } from "./healing-record.ts";
import type { LostRecord } from "./lost-record.ts";
import type { ItemRecord } from "./item.ts";
import type { ProgressRecord } from "./progress.ts";
import type { RetentionRecord } from "./retention-record.ts";
import { STATES } from "./state.ts";
import { type BadPoint, ROADS } from "./bad-point.ts";
import { type VerificationRecord } from "./verification.ts";

export interface HealthError {
  readonly code: string;
  readonly level: "Error" | "Warning";
  readonly message: string;
  readonly remedy: string;
  readonly since: Micros;
  /** It tells of what has happened, not of what goes on: whoever has seen it may dismiss it. */
  readonly past?: true;
}

export interface Known {
  readonly item: ItemRecord;
  readonly agent: AgentRecord | undefined;
  readonly progress: ProgressRecord | undefined;
  readonly verification?: VerificationRecord | undefined;
  readonly retention?: RetentionRecord | undefined;
  readonly healing?: HealingRecord | undefined;
  readonly barriers?: BarriersRecord | undefined;
  readonly lost?: LostRecord | undefined;
}

/** Everything that is wrong with a machine's protection now, the worst first. */
export function healthOf(known: Known, now: Micros): readonly HealthError[] {
  const found = [
    jobFailure(known),
    stoppedReplication(known),
    ...badPoints(known),
    verificationTrouble(known),
    retentionTrouble(known),
    agentProblem(known),
    silence(known, now),
    lag(known, now),
    unmetBarrier(known),
    unreadablePoints(known),
    healed(known, now),
  ];
  return found
    .filter((error) => error !== undefined)
    .toSorted((a, b) => Number(b.level === "Error") - Number(a.level === "Error"));
}

/** What to do about an error of this code; anything unknown is treated as Unexpected. */
export const remedyOf = (code: string): string =>
  isErrorCode(code) ? CATALOGUE[code].remedy : CATALOGUE.Unexpected.remedy;

function jobFailure({ item }: Known): HealthError | undefined {
  if (!item.failure) return undefined;
  const { code, message, step } = item.failure;
  return {
    code,
    level: "Error",
    message: `${step}: ${message}`,
    remedy: remedyOf(code),
    since: item.job.startTime,
    past: true,
  };
}

/** Of a machine that is no longer replicated it says nothing any more: a lost region's cache does not answer for good. */
function stoppedReplication({ progress, item }: Known): HealthError | undefined {
  if (!progress?.problem || !STATES[item.state].replicating) return undefined;
  const { code, message, since, stopped } = progress.problem;
  return { code, level: stopped ? "Error" : "Warning", message, remedy: remedyOf(code), since };
}

/** A bad journal is forgotten when a later point was found good, a bad replica when it was. */
function badPoints({ item, verification }: Known): HealthError[] {
  if (!verification || !STATES[item.state].replicating) return [];
  const good = verification.journal.point;
  return ROADS.flatMap((road) => {
    const newest = verification.bad.findLast((one) => one.road === road);
    if (!newest || (road === "journal" && good && isLater(good, newest))) return [];
    const { code, foundAt: since } = newest;
    const message = `${newest.message}${resyncWords(newest, verification)}`;
    return [{ code, level: "Error" as const, message, remedy: remedyOf(code), since }];
  });
}

/** A full copy that did not help yesterday is not made again without a person. */
function resyncWords({ road, generation }: BadPoint, { resync }: VerificationRecord): string {
  if (road !== "journal" || resync?.generation !== generation) return "";
  return resync.begun
    ? "; a resync was begun"
    : "; a resync is wanted, and was begun less than a day ago already";
}

const isLater = (a: Place, b: Place): boolean =>
  a.generation === b.generation ? a.sequence > b.sequence : a.generation > b.generation;
type Place = { readonly generation: number; readonly sequence: number };

function verificationTrouble({ item, verification }: Known): HealthError | undefined {
  if (!verification?.problem || !STATES[item.state].replicating) return undefined;
  const { code, message, since } = verification.problem;
  const words = `points cannot be verified: ${message}`;
  return { code, level: "Warning", message: words, remedy: remedyOf(code), since };
}

function retentionTrouble({ item, retention }: Known): HealthError | undefined {
  if (!retention?.problem || !STATES[item.state].replicating) return undefined;
  const { code, message, since } = retention.problem;
  const words = `points are not thinned, or their layers not built: ${message}`;
  return { code, level: "Warning", message: words, remedy: remedyOf(code), since };
}

function agentProblem({ agent, item }: Known): HealthError | undefined {
  const beat = agent?.heartbeat;
  if (!beat?.problem || !STATES[item.state].replicating) return undefined;
  const { code, message } = beat.problem;
  const level = beat.mode === "stopped" ? "Error" : "Warning";
  const since = beat.pressure && beat.pressure.rung !== "normal" ? beat.pressure.since : beat.at;
  return { code, level, message, remedy: remedyOf(code), since };
}

/** An agent is silent when it missed many heartbeats, and at least for so long. */
const SILENT_BEATS = 10;
const LEAST_SILENCE = 30e6;
/** A turn of reading an image takes some minutes, and says nothing meanwhile. */
const SILENT_IMAGES = 900e6;

function silence({ agent, item }: Known, now: Micros): HealthError | undefined {
  const heardAt = agent?.heardAt;
  if (heardAt === undefined || !STATES[item.state].replicating) return undefined;
  const images = agent?.heartbeat?.images === true;
  const patience = Math.max(SILENT_BEATS * item.policy.heartbeatEvery * 1000, LEAST_SILENCE);
  if (now - heardAt < (images ? SILENT_IMAGES : patience)) return undefined;
  const seconds = Math.round((now - heardAt) / 1e6);
  const message = images
    ? `capture by snapshots has not gone on for ${seconds} s`
    : `the agent has been silent for ${seconds} s`;
  return { code: "AgentSilent", level: "Error", message, remedy: remedyOf("AgentSilent"), since: heardAt };
}

/** ASR warns after an hour without a point; here it is after many missed intervals. */
const LATE_POINTS = 10;
const LATE_IMAGES = 3;

function lag({ progress, item }: Known, now: Micros): HealthError | undefined {
  const { point } = progress ?? {};
  if (!point || item.state !== "Protected") return undefined;
  const late = now - point.time;
  const { capture, pointInterval, imageInterval } = item.policy;
  const interval = capture === "snapshots" ? LATE_IMAGES * imageInterval : LATE_POINTS * pointInterval;
  if (late < Math.max(interval * 1000, 10 * LEAST_SILENCE)) return undefined;
  const message = `the newest recovery point is ${Math.round(late / 1e6)} s old`;
  return { code: "PointLate", level: "Warning", message, remedy: remedyOf("PointLate"), since: point.time };
}

/** The newest barrier was not what was asked for. A point of the kind that was made since clears it. */
function unmetBarrier({ barriers, item }: Known): HealthError | undefined {
  const newest = barriers?.unmet.at(-1);
  if (!newest || !STATES[item.state].replicating) return undefined;
  const { code, why, time: since } = newest;
  if ((barriers?.met?.[code] ?? 0) > since) return undefined;
  const level = "Warning";
  return { code, level, message: why, remedy: remedyOf(code), since, past: true };
}

/** Whatever nothing could mend stays until it is gone: somebody may count on that very point. */
function unreadablePoints({ healing, item }: Known): HealthError | undefined {
  const newest = healing?.unreadable.at(-1);
  if (!healing || !newest || !STATES[item.state].replicating) return undefined;
  const names = healing.unreadable.map(({ point }) => point).join(", ");
  const { code, message, since } = newest;
  const words = `points that cannot be read, and could not be made again: ${names}; of the newest: ${message}`;
  return { code, level: "Error", message: words, remedy: GIVE_UP, since, past: true };
}

const GIVE_UP =
  "Use other points. Nothing of the machine's journal is deleted while these manifests are there, for what they need is not known: once you have given them up, delete the objects `points/` of these names from the target account.";

/** For so long somebody is told of what was healed. */
const TOLD_FOR = 7 * 24 * 3600e6;

/** Nothing is lost, but a storage that lost one object may lose others, of which there is only one. */
function healed({ healing }: Known, now: Micros): HealthError | undefined {
  const newest = healing?.healed.at(-1);
  if (!healing || !newest || now - newest.at > TOLD_FOR) return undefined;
  const before = healing.count > 1 ? `; ${healing.count - 1} others before it` : "";
  const message = `the storage lied: ${newest.name} ${newest.what}${before}`;
  return {
    code: "StorageLied",
    level: "Warning",
    message,
    remedy: remedyOf("StorageLied"),
    since: newest.at,
    past: true,
  };
}
