import { z } from "zod";
import { copies } from "../core/copies.ts";
import { digestOf } from "../core/digest.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { freezeCommands } from "../core/freeze.ts";
import { checked } from "../core/schema.ts";
import {
  MOST_DISKS,
  bytes,
  diskIndex,
  generation,
  micros,
  millis,
  ordinal,
  sequence,
} from "../core/units.ts";

/**
 * What agent and control plane say to each other:
 * `POST /agents/{machine}/register` and `POST /agents/{machine}/heartbeat`, JSON, bearer token of the VM's identity.
 */

const size = z.number().transform(checked(bytes));

/** How the agent cuts its journal; set by the control plane, may change with any heartbeat. */
const capturePolicy = z.object({
  sealBytes: size,
  sealAge: z.number().transform(checked(millis)),
  heartbeatEvery: z.number().transform(checked(millis)),
  /** Waits between uploads while the cache takes none, for what may pass; the last one repeats. */
  retryLadder: z
    .array(z.number().transform(checked(millis)))
    .min(1)
    .optional(),
  /** Bytes a second that a comparison reads at most; as many as the guest does not mind when 0 or absent. */
  resyncRate: size.optional(),
});
export type CapturePolicy = z.infer<typeof capturePolicy>;

/** A mark in the journal with cumulative figures of this generation. */
const mark = z.object({
  sequence: z.number().transform(checked(sequence)),
  time: z.number().transform(checked(micros)),
  /** Bytes of data in all writes of the generation up to `sequence`, as in `JournalPosition`. */
  bytes: size,
  /** Those among them that a comparison copied; absent when there is none. */
  copied: copies.optional(),
});
export type Mark = z.infer<typeof mark>;

/** Changes that are not in the journal; `bytes` at most. */
const unrecorded = z.object({
  since: z.number().transform(checked(micros)),
  bytes: size,
  writes: z.number().int(),
});

export const registerRequest = z.object({
  agentVersion: z.string().max(64),
  /** The agent's disks in index order, with those that are protected among them. One that is larger than before begins a generation. */
  disks: z
    .array(z.object({ index: z.number().transform(checked(diskIndex)), size }))
    .min(1)
    .max(64),
  /** Where the agent's spool can go on without a hole; absent on a first start or when continuity is lost. */
  resume: z
    .object({ generation: z.number().transform(checked(generation)), next: z.number().transform(ordinal) })
    .optional(),
  /** Continuity is lost because the machine crashed: no process of the agent has ended in peace, or was killed, since. */
  crashed: z.boolean().optional(),
  /** How far the generation came that it cannot go on with: what the guest wrote in it, and behind its end. */
  ended: z
    .object({
      generation: z.number().transform(checked(generation)),
      captured: mark,
      unrecorded: unrecorded.optional(),
    })
    .optional(),
  /** It can begin a generation on a base; absent from those that only copy everything. */
  compares: z.boolean().optional(),
  /** It records those of its disks only that the answer names; without it they must be exactly those that are protected. */
  chooses: z.boolean().optional(),
});
export type RegisterRequest = z.infer<typeof registerRequest>;

const cacheAccess = z.object({
  /** URL of the cache container, with a SAS that may create and read (never delete or list). A secret. */
  containerUrl: z.url(),
  expires: z.number().transform(checked(micros)),
});

export const registerResponse = z.object({
  machine: z.string().transform(checked(machineId)),
  /** Equal to `resume.generation` when the journal goes on; otherwise a new one, to begin with a comparison. */
  generation: z.number().transform(checked(generation)),
  /** The last sequence of the generation before; the first write of a new generation is one more. */
  from: z.number().transform(checked(sequence)),
  /**
   * What the generation stands on: the digest of its base document, which the first segment names, and the point. The
   * digests to compare with appear in the cache; absent when it begins with empty disks.
   */
  base: z
    .object({
      digest: z.string().transform(checked(digestOf)),
      id: z.string().transform(checked(barrierId)),
      /** Where the point is. */
      generation: z.number().transform(checked(generation)).optional(),
      sequence: z.number().transform(checked(sequence)).optional(),
      /** What the agent knows to be as it was at that point need not be read; otherwise everything is. */
      marked: z.boolean().optional(),
      /** Those that the point has: of any other nothing is known. All when absent. */
      disks: z.array(z.number().transform(checked(diskIndex))).optional(),
    })
    .optional(),
  /** The disks that the generation is of, ascending: what others are written nobody records. All when absent. */
  record: z
    .array(z.number().transform(checked(diskIndex)))
    .min(1)
    .optional(),
  /** The machine's data key, 32 bytes in base64. A secret. */
  dataKey: z.base64(),
  cache: cacheAccess,
  policy: capturePolicy,
});
export type RegisterResponse = z.infer<typeof registerResponse>;

const agentMode = z.enum(["initial-copy", "resync", "streaming", "stopped"]);
export type AgentMode = z.infer<typeof agentMode>;

/** See `agent/pressure.ts`. */
const pressure = z.object({
  rung: z.enum(["normal", "slow", "merging", "broken"]),
  since: z.number().transform(checked(micros)),
  unrecorded: unrecorded.optional(),
});

export const heartbeatRequest = z.object({
  agentVersion: z.string().max(64),
  generation: z.number().transform(checked(generation)),
  mode: agentMode,
  time: z.number().transform(checked(micros)),
  /** Newest write on the source disk. */
  captured: mark,
  /** Newest write that is durable in the cache account, with all before it. */
  cached: mark,
  /** Newest segment durable in the cache is the one before this. */
  cachedNext: z.number().transform(checked(ordinal)),
  /** Its last word: it has ended in order, and nothing is captured behind this until it is started again. */
  ended: z.literal(true).optional(),
  /** What the agent does about a cache that takes too little; absent from an agent that does not tell. */
  pressure: pressure.optional(),
  /** Segments from here on are kept in the spool and can be sent again; absent when none before `cachedNext` is. */
  keptFrom: z.number().transform(checked(ordinal)).optional(),
  /** Stored in the spool, not yet in the cache. */
  backlog: z.object({ segments: z.number().int(), bytes: size }),
  /** Compressed bytes uploaded in this generation. */
  uploaded: size,
  initialCopy: z.object({
    done: size,
    total: size,
    /** Bytes a second over the last seconds. */
    rate: size,
    /** Bytes of blocks that were found to differ, and went into the journal. */
    sent: size.optional(),
    /** Whether what the agent marked is compared, or all; why all, where the marks were asked for. */
    scope: z.enum(["marked", "all"]).optional(),
    why: z.string().max(600).optional(),
  }),
  /** Guest bytes and writes of each disk since the agent's process began, without copies. */
  disks: z
    .array(
      z.object({
        index: z.number().transform(checked(diskIndex)),
        bytes: size,
        writes: z.number().int().nonnegative(),
      }),
    )
    .max(MOST_DISKS)
    .default([]),
  /** Newest barriers in the journal, oldest first, at most 16. */
  barriers: z.array(
    z.object({
      id: z.string().transform(checked(barrierId)),
      sequence: z.number().transform(sequence),
      consistency: z.enum(["crash", "application"]).optional(),
      /** What of its terms was not met. */
      why: z.string().max(600).optional(),
      /** Of a group's barrier, once its hold is over: whether it can be trusted. */
      held: z.boolean().optional(),
    }),
  ),
  /** Barriers that will never be set, and why; at most 16. */
  refused: z
    .array(z.object({ id: z.string().transform(checked(barrierId)), why: z.string().max(600) }))
    .max(16)
    .default([]),
  /** What stops or slows the agent, if anything: a catalogue code and a sentence. */
  problem: z.object({ code: z.string().max(64), message: z.string().max(2000) }).optional(),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequest>;

export const heartbeatResponse = z.object({
  /** False when the machine was failed over or disabled: the agent stops the journal at once and lets the guest go on. */
  active: z.boolean(),
  /** The machine's protection is taken away: nothing of its journal is wanted, and nothing is to be uploaded any more. */
  over: z.boolean().optional(),
  policy: capturePolicy,
  /** Everything of the generation before this has arrived in the target: the agent need not keep it any longer. */
  arrived: z.number().transform(checked(ordinal)).optional(),
  /** The newest point of the generation. */
  point: z.string().transform(checked(barrierId)).optional(),
  /** The cache lost or spoiled these segments. Repeated until they have arrived. */
  again: z
    .array(z.number().transform(checked(ordinal)))
    .max(16)
    .optional(),
  /** Barriers to set. Repeated until a heartbeat lists them: the agent sets each id once. */
  barriers: z.array(
    z.object({
      id: z.string().transform(checked(barrierId)),
      consistency: z.enum(["crash", "application"]),
      /** When the applications cannot be frozen: a crash-consistent barrier, or none. */
      otherwise: z.enum(["crash", "skip"]).default("crash"),
      /**
       * Of a group: not now, but when the control plane's clock shows `at`; writes behind the barrier are acknowledged
       * `hold` after it at the earliest.
       */
      instant: z
        .object({
          at: z.number().transform(checked(micros)),
          hold: z.number().transform(checked(millis)),
        })
        .optional(),
    }),
  ),
  /** The control plane's clock while it answers. */
  time: z.number().transform(checked(micros)).optional(),
  /** New access when the old one is about to expire. */
  cache: cacheAccess.optional(),
});
export type HeartbeatResponse = z.infer<typeof heartbeatResponse>;

/** What the agent of a machine that was failed over still has: `POST /agents/{machine}/handover`. */
export const handoverRequest = z.object({
  agentVersion: z.string().max(64),
  /** The one that it wrote. */
  generation: z.number().transform(checked(generation)),
  /** The last write that it recorded; what the guest wrote since then nobody knows. */
  captured: mark,
  cached: mark,
});
export type HandoverRequest = z.infer<typeof handoverRequest>;

export const handoverResponse = z.object({
  /** False when all of it was read. */
  wanted: z.boolean(),
  /** The control plane has read everything before this segment. What is behind it the agent keeps. */
  read: z.number().transform(checked(ordinal)).optional(),
  /** The cache does not show these, though the agent has put them there: it puts them there once more. */
  again: z
    .array(z.number().transform(checked(ordinal)))
    .max(16)
    .optional(),
  /** What it needs to seal the rest and to put it into the cache. Both are secrets. */
  dataKey: z.base64().optional(),
  cache: cacheAccess.optional(),
});
export type HandoverResponse = z.infer<typeof handoverResponse>;

/** What the VM extension leaves on the machine for the agent, as JSON. Holds no secret: the agent has its VM's identity. */
export const agentConfig = z.object({
  /** https URL of the control plane. */
  endpoint: z.url(),
  /** Audience of the token that the control plane wants. */
  audience: z.string(),
  machine: z.string().transform(checked(machineId)),
  /** Those that the machine's own arguments name come first. */
  freeze: freezeCommands.optional(),
});
export type AgentConfig = z.infer<typeof agentConfig>;
