import { type ErrorCode, LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { type BadPoint, type Road, badPointOf, unreadablePoint } from "../../engine/recovery/bad-point.ts";
import { type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { withRebuild } from "../../engine/recovery/replicating.ts";
import { scrubWindow, scrubbed, totalBlocks } from "../../engine/recovery/scrub.ts";
import { verificationFor, withBad, withGood, withResyncWanted } from "../../engine/recovery/verification.ts";
import { blocksOf, countOf } from "../../engine/replication/blocks.ts";
import { dropCheckpoints, listCheckpoints } from "../../engine/replication/checkpoints.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { type VerifyRequest, verifyPoint } from "../../engine/replication/verify-point.ts";
import type { VerifyResult } from "../../orchestrations/contract.ts";
import { endGeneration } from "../generations.ts";
import type { Services } from "../services.ts";
import { healing } from "./healing.ts";

type VerifyServices = Pick<Services, "target" | "records" | "clock" | "keyOf" | "pagesAt">;
type Outcome = VerifyResult["state"];

/** Compares the newest point with what the journal gives. */
export async function verifyJournal(
  services: VerifyServices,
  item: ItemRecord,
  signal: AbortSignal,
): Promise<Outcome> {
  const { machine, generation: of } = item;
  const newest = (await services.records.progress.get(machine))?.value.point;
  if (newest?.generation !== of) return "idle";
  try {
    const subject = { id: newest.id, signal };
    return await healing(services, machine, () => compare(services, item, "journal", subject));
  } catch (error) {
    if (!isDamage(error)) throw error;
    return foundBad(services, item, unreadablePoint(newest, error, services.clock.now()));
  }
}

/** Compares the newest checkpoint's snapshots with what the source had. */
export async function verifyReplica(
  services: VerifyServices,
  item: ItemRecord,
  signal: AbortSignal,
): Promise<Outcome> {
  const { machine, generation: of } = item;
  const { replica } = targetOf(item);
  const progress = await services.records.progress.get(machine);
  if (!replica || progress?.value.rebuildSince !== undefined) return "idle";
  const checkpoint = (await listCheckpoints(services.target, machine)).find((one) => one.generation === of);
  if (!checkpoint) return "idle";
  const pages = services.pagesAt(endpointOf(replica));
  try {
    const subject = { id: checkpoint.id, signal, replica: { pages, checkpoint } };
    return await healing(services, machine, () => compare(services, item, "replica", subject));
  } catch (error) {
    // A newer checkpoint took its place meanwhile.
    if (hasCode(error, "NotFound")) return "idle";
    if (!isDamage(error)) throw error;
    return foundBad(services, item, unreadablePoint(checkpoint, error, services.clock.now()));
  }
}

type Subject = Pick<VerifyRequest, "replica" | "signal"> & { readonly id: RecoveryPoint["id"] };

/** Compares what changed since the newest good point on this road, and what the scrub wants now. */
async function compare(
  services: VerifyServices,
  item: ItemRecord,
  road: Road,
  subject: Subject,
): Promise<Outcome> {
  const { machine, generation: of, policy } = item;
  const { target, records, clock } = services;
  const begun = clock.now();
  const known = await records.verification.upsert(machine, (old) => ({
    ...verificationFor(old, machine, of, begun),
    attemptedAt: begun,
  }));
  const { point: since, scrub } = known[road];
  const point = await readPoint(target, machine, subject.id);
  const total = totalBlocks(point.disks);
  const window = since ? scrubWindow(begun, policy.scrubDays, scrub, total) : { start: 0, end: total };
  // Checkpoints that were dropped leave an older one as the newest: it was compared when it was new.
  if (since && since.sequence > point.sequence) return "idle";
  if (since?.id === point.id && window.end === window.start) return "idle";
  const key = await services.keyOf(machine);
  const request = { objects: target, key, point, since, scrub: blocksOf(point.disks, window), ...subject };
  const { wrong, scanned } = await verifyPoint(request);
  const now = clock.now();
  if (countOf(wrong) > 0) return foundBad(services, item, badPointOf(road, point, wrong, now));
  const good = { point, scanned, scrub: scrubbed(scrub, window, total, now) };
  await records.verification.update(machine, (old) => withGood(old, road, good, now));
  return "verified";
}

/**
 * A wrong replica is rebuilt from the journal, which is the truth; nothing is imported from it any more. A wrong journal
 * needs its source: its generation is ended, and the agent begins a new one by comparison.
 */
async function foundBad(services: VerifyServices, item: ItemRecord, bad: BadPoint): Promise<"bad"> {
  const { machine } = item;
  const { records, target } = services;
  if (bad.road === "replica") {
    await records.progress.update(machine, (old) => withRebuild(old, bad.foundAt));
    await records.verification.update(machine, (old) => withBad(old, bad));
    const { replica } = targetOf(item);
    if (replica) await dropCheckpoints(target, services.pagesAt(endpointOf(replica)), machine, 0);
    return "bad";
  }
  const { resync } = await records.verification.update(machine, (old) =>
    withResyncWanted(withBad(old, bad), bad.foundAt),
  );
  if (resync?.begun) await endGeneration(services, item, "verification");
  return "bad";
}

const DAMAGE: ReadonlySet<ErrorCode> = new Set([
  "SegmentDamaged",
  "LayerDamaged",
  "SegmentMissing",
  "ChainBroken",
  "ManifestDamaged",
]);

const isDamage = (error: unknown): error is LeewardError =>
  error instanceof LeewardError && DAMAGE.has(error.code);
