import { z } from "zod";
import { checked } from "../core/schema.ts";
import { LADDER } from "../core/retry.ts";
import { KIB, MIB, bytes, millis } from "../core/units.ts";
import { captureProvider } from "./capture-provider.ts";
import { resyncPolicy } from "./resync-schedule.ts";
import { retentionPolicy } from "./retention-policy.ts";

const size = (least: number, most: number, fallback: number) =>
  z.number().int().min(least).max(most).default(fallback).transform(checked(bytes));
const seconds = (least: number, most: number, fallback: number) =>
  z
    .number()
    .min(least * 1000)
    .max(most * 1000)
    .int()
    .default(fallback * 1000)
    .transform(checked(millis));

/** When a failover's machine has started: it runs, or its VM agent answers too, where the source's did. */
export const bootCheck = z.enum(["running", "agent"]);
export type BootCheck = z.infer<typeof bootCheck>;

/**
 * How a machine is protected, as the user gives it in `properties.leeward.policy`: every field may be left out, none may
 * be unknown. Sizes in bytes, durations in milliseconds.
 */
export const recoveryPolicy = z.strictObject({
  capture: captureProvider.default("nbd"),
  /** A segment is sealed when it holds this much, or when its oldest write is this old. */
  sealBytes: size(64 * KIB, 64 * MIB, 8 * MIB),
  sealAge: seconds(0.2, 300, 5),
  /** `High` takes larger segments, and more of them at a time: see `churn.ts`. */
  churn: z.enum(["Normal", "High"]).default("Normal"),
  heartbeatEvery: seconds(0.5, 60, 3),
  /** Waits between tries while the cache takes nothing, for what may pass; the last one repeats. */
  retryLadder: z
    .array(z.number().int().min(100).max(3_600_000).transform(checked(millis)))
    .min(1)
    .max(16)
    .default([...LADDER]),
  /** A recovery point this often. */
  pointInterval: seconds(1, 24 * 3600, 60),
  /** An image of the disks this often, and with it a recovery point, where capture is by `snapshots`: `pointInterval` says nothing there. */
  imageInterval: seconds(60, 24 * 3600, 300),
  /** An application-consistent one this often, by the freeze commands of the machine; 0 for never. */
  applicationInterval: z
    .number()
    .int()
    .refine((n) => n === 0 || (n >= 1000 && n <= 7 * 24 * 3600 * 1000), { message: "0, or 1 s to 7 days" })
    .default(0)
    .transform(checked(millis)),
  /** When the applications cannot be frozen in time: a crash-consistent point in its place, or none. */
  applicationFailure: z.enum(["crash", "skip"]).default("crash"),
  /** The replica is brought to the newest point this often. */
  checkpointInterval: seconds(1, 7 * 24 * 3600, 900),
  /** The newest recovery point is compared with the source's digests this often. */
  verifyInterval: seconds(1, 7 * 24 * 3600, 900),
  /** Every block of every disk is compared at least once in so many days, changed or not. */
  scrubDays: z.number().min(0.001).max(365).default(7),
  /** `warm` keeps replica disks, so that a failover is fast; `none` builds every disk from the journal. */
  replica: z.enum(["warm", "none"]).default("warm"),
  /** A drill begins by itself so many days after the last one did; 0: never. */
  drillDays: z.number().min(0).max(365).default(0),
  bootCheck: bootCheck.default("agent"),
  retention: retentionPolicy.prefault({}),
  resync: resyncPolicy.prefault({}),
});
export type RecoveryPolicy = z.infer<typeof recoveryPolicy>;

export const DEFAULT_POLICY: RecoveryPolicy = recoveryPolicy.parse({});
