import { z } from "zod";
import { copies } from "../core/copies.ts";
import { checked } from "../core/schema.ts";
import { barrierId, machineId } from "../core/ids.ts";
import {
  type Micros,
  bytes,
  diskIndex,
  generation,
  micros,
  millis,
  ordinal,
  sequence,
} from "../core/units.ts";
import { flow } from "./flow.ts";
import type { Reported } from "./losses.ts";

const size = z.number().transform(checked(bytes));
const time = z.number().transform(checked(micros));
const mark = z.object({
  sequence: z.number().transform(checked(sequence)),
  time,
  bytes: size,
  copied: copies.optional(),
});

/** What the agent does about a cache that takes too little. */
const pressure = z.object({
  rung: z.enum(["normal", "slow", "merging", "broken"]),
  since: time,
  unrecorded: z.object({ since: time, bytes: size, writes: z.number() }).optional(),
});

/** The agent's last heartbeat, in our words. */
const heartbeat = z.object({
  generation: z.number().transform(checked(generation)),
  mode: z.enum(["initial-copy", "resync", "streaming", "stopped"]),
  /** By the agent's clock. */
  at: time,
  captured: mark,
  cached: mark,
  cachedNext: z.number().transform(checked(ordinal)),
  /** It is captured by images: `at` is when the newest one was asked for that is in the cache as a whole. */
  images: z.literal(true).optional(),
  /** The agent has ended in order: nothing is captured behind this. */
  ended: z.literal(true).optional(),
  pressure: pressure.optional(),
  keptFrom: z.number().transform(checked(ordinal)).optional(),
  backlog: z.object({ segments: z.number(), bytes: size }),
  uploaded: size,
  initialCopy: z.object({
    done: size,
    total: size,
    rate: size,
    sent: size.optional(),
    scope: z.enum(["marked", "all"]).optional(),
    why: z.string().optional(),
  }),
  problem: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type Heartbeat = z.infer<typeof heartbeat>;

/** What is known of a machine's agent. Kind `agent`. */
export const agentRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  version: z.string(),
  registeredAt: time,
  /** The disks that it stands before, of which it records those that it is told; absent of one that records all. */
  serves: z.array(z.object({ index: z.number().transform(checked(diskIndex)), size })).optional(),
  /** When its access to the cache ends. */
  accessUntil: time,
  /** When the last heartbeat came, by our clock. */
  heardAt: time.optional(),
  heartbeat: heartbeat.optional(),
  /** When it was told that the machine's protection is taken away. */
  dismissedAt: time.optional(),
  /** How fast its bytes move. */
  flow: flow.optional(),
});
export type AgentRecord = z.infer<typeof agentRecord>;

/** A heartbeat that was overtaken by a newer one changes nothing. */
export const withHeartbeat = (old: AgentRecord, beat: Heartbeat, heardAt: Micros): AgentRecord =>
  old.heartbeat && isNewer(old.heartbeat, beat) ? old : { ...old, heardAt, heartbeat: beat };

/** One that captured nothing more may have uploaded more. */
function isNewer(a: Heartbeat, b: Heartbeat): boolean {
  if (a.generation !== b.generation) return a.generation > b.generation;
  return a.captured.sequence > b.captured.sequence || a.cachedNext > b.cachedNext;
}

/** A barrier that the agent was asked for, and that has not become a point yet. */
const barrierRequest = z.object({
  id: z.string().transform(checked(barrierId)),
  consistency: z.enum(["crash", "application"]),
  requestedAt: time,
  /** What is done when the applications cannot be frozen. */
  otherwise: z.enum(["crash", "skip"]).default("crash"),
  /** Of a group: when it is to be set by our clock, and for how long what follows is held back, in milliseconds. */
  instant: z.object({ at: time, hold: z.number().transform(checked(millis)) }).optional(),
  /** The agent has it in its journal. */
  set: z.boolean(),
  /** The generation whose journal that is. */
  setIn: z.number().transform(checked(generation)).optional(),
  /** What of its terms was not met; without `set` it will never be set. */
  why: z.string().optional(),
  /** Of a group, once its hold is over: whether the agent trusts it. */
  held: z.boolean().optional(),
  /** Of a group: it is a recovery point of this machine. */
  made: z.boolean().optional(),
});
export type BarrierRequest = z.infer<typeof barrierRequest>;

/** Barriers on their way. Kind `barriers`. */
export const barriersRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  pending: z.array(barrierRequest),
  /** When an application-consistent one was last asked for. */
  applicationAt: time.optional(),
  /** When a barrier of each kind was last what was asked for. */
  met: z.object({ FreezeFailed: time.optional(), GroupMissed: time.optional() }).optional(),
  /** The newest that were not what was asked for, oldest first. */
  unmet: z
    .array(
      z.object({
        id: z.string().transform(checked(barrierId)),
        time,
        code: z.enum(["FreezeFailed", "GroupMissed"]),
        why: z.string(),
        /** There is a barrier all the same. */
        set: z.boolean(),
      }),
    )
    .default([]),
});
export type BarriersRecord = z.infer<typeof barriersRecord>;

/** What the losses are counted from; undefined before the first heartbeat. */
export function reportedBy(agent: AgentRecord | undefined): Reported | undefined {
  const beat = agent?.heartbeat;
  if (!beat) return undefined;
  const { at, captured, cached, images } = beat;
  return {
    at,
    ...(images && { images }),
    captured: { ...captured, generation: beat.generation },
    cached: { ...cached, generation: beat.generation },
    ...(beat.pressure?.unrecorded && { unrecorded: beat.pressure.unrecorded }),
  };
}
