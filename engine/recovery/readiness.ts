import { z } from "zod";
import { type MachineId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";
import { FINDINGS, type Found, isFindingCode } from "./findings.ts";
import type { HealthError } from "./health.ts";
import type { ItemRecord } from "./item.ts";
import { STATES } from "./state.ts";

const time = z.number().transform(checked(micros));
/** A code of a newer Leeward is read as one that could not be judged. */
const code = z.string().transform((text) => (isFindingCode(text) ? text : "Unreadable"));

/** Whether a protected machine would still come up in its target. Kind `readiness`; written by the readiness timer alone. */
export const readinessRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** What the last look that succeeded found; `since` is when it was first found. */
  found: z.array(z.object({ code, message: z.string(), since: time })),
  /** Where the data disks are attached that are not protected. Older records lack it. */
  unprotected: z.array(z.number().int()).optional(),
  checkedAt: time.optional(),
  /** When somebody last looked, well or not. */
  attemptedAt: time,
  /** Why the last look failed; what was found before stands. */
  problem: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ReadinessRecord = z.infer<typeof readinessRecord>;

const EVERY = 30 * 60e6;
/** Azure did not answer, or took no more calls. */
const AGAIN = 5 * 60e6;

/** The source of a machine that is replicated is looked at every 30 minutes. */
export function readinessDue(now: Micros, item: ItemRecord, known: ReadinessRecord | undefined): boolean {
  if (!STATES[item.state].replicating || !item.source) return false;
  return !known || now - known.attemptedAt >= (known.problem ? AGAIN : EVERY);
}

/** The record after a look that succeeded. @param unprotected as the record has it */
export function withFound(
  old: ReadinessRecord | undefined,
  machine: MachineId,
  found: readonly Found[],
  now: Micros,
  unprotected?: ReadinessRecord["unprotected"],
): ReadinessRecord {
  const since = ({ code: of, message }: Found): Micros =>
    old?.found.find((one) => one.code === of && one.message === message)?.since ?? now;
  const all = found.map((one) => ({ ...one, since: since(one) }));
  return { format: 1, machine, found: all, unprotected, checkedAt: now, attemptedAt: now };
}

export function withProblem(
  old: ReadinessRecord | undefined,
  machine: MachineId,
  problem: { readonly code: string; readonly message: string },
  now: Micros,
): ReadinessRecord {
  return { format: 1, machine, found: [], ...old, attemptedAt: now, problem };
}

/** Warnings that were known, and shown, before the machine was protected are no news; these are. */
const NEWS: ReadonlySet<string> = new Set([
  "DisksChanged",
  "VmStopped",
  "LockedAgainstDeletion",
  "QuotaCores",
  "QuotaMachines",
  "QuotaDisks",
  "QuotaNetwork",
]);

/** What keeps a failover from succeeding, or became so since. Replication may be in order all the same. */
export function readinessErrors(item: ItemRecord, known: ReadinessRecord | undefined): HealthError[] {
  if (!known || !STATES[item.state].replicating) return [];
  return known.found
    .map(({ code: of, message, since }) => {
      const { level, remedy } = FINDINGS[of];
      return { code: of, level, message, remedy, since };
    })
    .filter((one) => one.level === "Error" || NEWS.has(one.code));
}
