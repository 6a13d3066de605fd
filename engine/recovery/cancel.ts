import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import type { Micros } from "../core/units.ts";
import { importName } from "../journal/names.ts";
import { type ItemRecord, everyDisk, lastSegment, move, targetOf } from "./item.ts";
import { operationFor } from "./job.ts";
import { endedFor } from "./resync.ts";
import { STATES } from "./state.ts";
import { roleIn, targetDisk } from "./target-names.ts";
import type { MadePart } from "./test-parts.ts";

/*
 * A failover that failed, or that was not committed, can be taken back: what it built is deleted, and the source is protected
 * again. Nothing was done to the source, so it may have gone on; what it wrote since its agent was fenced nobody recorded. So
 * it is replicated in a new generation, which begins with a comparison, whatever the agent knows. The generation that the
 * failover fenced with is over too: what of the failover wakes up late finds another one.
 */

/** One thing that a failover builds. Disks and blobs are those of a point. */
export interface BuiltPart {
  readonly kind: "vm" | "nic" | "disk" | "blob";
  readonly at?: number;
  readonly point?: BarrierId;
}

export type Built = MadePart & { readonly part: BuiltPart };

/**
 * The item once its failover is being taken back.
 * @throws Conflict while a job is at work; StateNotAllowed
 */
export function beginCancel(
  old: ItemRecord,
  { now, token }: { readonly now: Micros; readonly token?: string | undefined },
): ItemRecord {
  const name = lastSegment(old.id);
  const { job, state } = old;
  if (token && job.operation === operationFor(old.id, "cancelFailover", token)) return old;
  const { busy, allowed } = STATES[state];
  if (busy) throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (!allowed.includes("CancelFailover"))
    throw new LeewardError("StateNotAllowed", `${name} is ${state}: CancelFailover is not possible`);
  const { failure: _, ...kept } = move(old, "cancel");
  const operation = operationFor(old.id, "cancelFailover", token ?? `after ${job.operation}`);
  return { ...kept, job: { operation, kind: "cancelFailover", startTime: now, ended: false } };
}

/** The item once nothing of its failover is left: its agent registers anew, and compares everything. */
export function cancelled(old: ItemRecord, now: Micros): ItemRecord {
  const { failover: _, ...rest } = move(old, "cancelled");
  return endedFor(rest, { reason: "cancel", requestedAt: now });
}

/** Everything that the item's failover may have built, with all its tries, in the order in which it is deleted. */
export function builtBy(item: ItemRecord): Built[] {
  const { failover, machine } = item;
  if (!failover) return [];
  const target = targetOf(item);
  const disks = everyDisk(item);
  const vm: Built = { part: { kind: "vm" }, id: target.vm, role: roleIn(target, "vm") };
  const nics = (failover.nics ?? []).map(({ id }, at): Built => ({
    part: { kind: "nic", at },
    id,
    role: roleIn(target, "nic"),
  }));
  const points = [failover.point, ...(failover.tried ?? [])];
  const built = points.flatMap((point) =>
    disks.map(({ index, name }): Built => ({
      part: { kind: "disk", at: index, point },
      id: targetDisk(target, name, point),
      role: roleIn(target, "disk"),
    })),
  );
  const blobs = points.flatMap((point) =>
    disks.map(({ index }): Built => ({
      part: { kind: "blob", at: index, point },
      id: importName(machine, index, point),
    })),
  );
  return [vm, ...nics, ...built, ...blobs];
}

/** The part as `builtBy` describes it; undefined when the failover built no such part. */
export const builtPart = (item: ItemRecord, { kind, at, point }: BuiltPart): Built | undefined =>
  builtBy(item).find(({ part }) => part.kind === kind && part.at === at && part.point === point);
