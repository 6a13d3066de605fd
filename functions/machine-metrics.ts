import type { MachineMetrics } from "../engine/contract/metrics.ts";
import { toIso } from "../engine/core/clock.ts";
import { type Bytes, type Micros } from "../engine/core/units.ts";
import { blockCount } from "../engine/journal/digest-tree.ts";
import { reportedBy } from "../engine/recovery/agent-record.ts";
import { lastSuccess } from "../engine/recovery/drill-verdict.ts";
import type { Flow } from "../engine/recovery/flow.ts";
import type { Known } from "../engine/recovery/health.ts";
import { liveLosses } from "../engine/recovery/losses.ts";
import { type Lag, lagBehind, marksView } from "./marks-view.ts";
import type { Rate } from "../engine/recovery/rate.ts";
import { totalBlocks } from "../engine/recovery/scrub.ts";
import { STATES } from "../engine/recovery/state.ts";
import { type Watermarks, watermarks } from "../engine/recovery/watermarks.ts";

/** Everything that is measured of a machine, from its records alone. */
export function metricsOf(known: Known, now: Micros): MachineMetrics {
  const { item, agent, progress, verification } = known;
  const marks = watermarks(agent, progress, verification);
  const live = STATES[item.state].replicating;
  const flow = agent?.flow;
  return {
    machine: item.machine,
    time: toIso(now),
    generation: item.generation,
    watermarks: marksView(marks),
    losses: (live && progress && liveLosses(now, progress, reportedBy(agent))) || null,
    churn: {
      bytesPerSecond: sum(flow?.disks.map(({ bytes }) => perSecond(bytes)) ?? []),
      writesPerSecond: sum(flow?.disks.map(({ writes }) => perSecond(writes)) ?? []),
    },
    backlog: backlogs(marks, flow),
    compression: ratio(marks.arrived?.bytes, agent?.heartbeat?.uploaded),
    merge: ratio(progress?.merged?.bytes, progress?.merged?.written),
    verified: verification
      ? { fraction: fractionOf(known, 0, total(known)), wholeTime: isoOf(verification.journal.scrub.wholeAt) }
      : null,
    points: {
      newestAgeSeconds: progress?.point ? secondsBetween(progress.point.time, now) : null,
      bad: verification?.bad.length ?? 0,
    },
    drill: drillOf(known, now),
    disks: disksOf(known),
  };
}

const perSecond = (rate: Rate | undefined): number => rate?.perSecond ?? 0;
const sum = (figures: readonly number[]): number => figures.reduce((a, b) => a + b, 0);
const secondsBetween = (a: Micros, b: Micros): number => Math.max(b - a, 0) / 1e6;
const isoOf = (time: Micros | undefined): string | null => (time === undefined ? null : toIso(time));
const total = ({ item }: Known): number => totalBlocks(item.source?.disks ?? []);

const ratio = (before: Bytes | undefined, after: Bytes | undefined): number | null =>
  before && after ? before / after : null;

function drillOf({ item }: Known, now: Micros): MachineMetrics["drill"] {
  const last = lastSuccess(item.drills ?? []);
  return last
    ? { ageSeconds: secondsBetween(last.startTime, now), rtoSeconds: last.rtoSeconds ?? null }
    : null;
}

function backlogs(marks: Watermarks, flow: Flow | undefined): MachineMetrics["backlog"] {
  const { captured, cached, arrived, applied } = marks;
  const inflow = perSecond(flow?.captured);
  return {
    cache: backlog(lagBehind(captured, cached), perSecond(flow?.cached) - inflow),
    region: backlog(lagBehind(captured, arrived), perSecond(flow?.arrived) - inflow),
    replica: lagBehind(arrived, applied),
  };
}

/** Copies go the same way, in order: the guest's bytes are through when both are. */
function backlog(lag: Lag, draining: number): MachineMetrics["backlog"]["cache"] {
  const all = lag.bytes + lag.copiedBytes;
  if (all === 0) return { ...lag, etaSeconds: 0 };
  return { ...lag, etaSeconds: draining > 0 ? Math.ceil(all / draining) : null };
}

function disksOf(known: Known): MachineMetrics["disks"] {
  const { item, agent, verification } = known;
  let first = 0;
  return (item.source?.disks ?? []).map(({ index, name, size }) => {
    const flow = agent?.flow?.disks.find((one) => one.index === index);
    const start = first;
    first += blockCount(size);
    return {
      index,
      name,
      size,
      churn: { bytesPerSecond: perSecond(flow?.bytes), writesPerSecond: perSecond(flow?.writes) },
      verifiedFraction: verification ? fractionOf(known, start, first) : null,
    };
  });
}

/** Of the blocks in [start, end), counted through all disks, the share that the round has passed. */
function fractionOf({ verification }: Known, start: number, end: number): number {
  const next = verification?.journal.scrub.next ?? 0;
  return end > start ? Math.min(Math.max(next - start, 0), end - start) / (end - start) : 0;
}
