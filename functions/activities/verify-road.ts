import { type ErrorCode, LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import type { Verification } from "../../engine/journal/verification-document.ts";
import {
  type BadPoint,
  ROADS,
  type Road,
  badPointOf,
  unreadablePoint,
} from "../../engine/recovery/bad-point.ts";
import { type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { withRebuild } from "../../engine/recovery/replicating.ts";
import { scrubWindow, scrubbed, totalBlocks } from "../../engine/recovery/scrub.ts";
import {
  verificationFor,
  withBad,
  withGood,
  withResyncWanted,
  withUnderway,
} from "../../engine/recovery/verification.ts";
import { blocksOf, countOf } from "../../engine/replication/blocks.ts";
import { dropCheckpoints, listCheckpoints } from "../../engine/replication/checkpoints.ts";
import { readPoint } from "../../engine/replication/points.ts";
import {
  type KeptVerification,
  endVerification,
  readVerification,
} from "../../engine/replication/verifications.ts";
import type { VerifyRequest } from "../../engine/replication/verify-point.ts";
import { verifyTurn } from "../../engine/replication/verify-turn.ts";
import type { VerifyResult } from "../../orchestrations/contract.ts";
import { endGeneration } from "../generations.ts";
import type { Services } from "../services.ts";
import { healing } from "./healing.ts";

type VerifyServices = Pick<Services, "target" | "records" | "clock" | "keyOf" | "pagesAt">;
type Outcome = VerifyResult["state"];

const NEVER = (): boolean => false;

/**
 * Compares the newest point with what the journal gives, or goes on with the one that earlier turns have begun with: of large
 * disks there are newer ones long before all is compared.
 * @param enough when a turn is over; all is done in one when absent
 */
export async function verifyJournal(
  services: VerifyServices,
  item: ItemRecord,
  signal: AbortSignal,
  enough = NEVER,
): Promise<Outcome> {
  const { machine, generation: of } = item;
  const newest = (await services.records.progress.get(machine))?.value.point;
  if (newest?.generation !== of) return "idle";
  const begun = await begunOn(services, item, "journal");
  const point = begun.goesOn ?? newest;
  try {
    const subject = { id: point.id, signal, enough, ...begun };
    return await healing(services, machine, () => compare(services, item, "journal", subject));
  } catch (error) {
    if (begun.goesOn && hasCode(error, "NotFound")) {
      // Its manifest was dropped meanwhile.
      await endVerification(services.target, machine, "journal");
      return "more";
    }
    if (!isDamage(error)) throw error;
    return foundBad(services, item, unreadablePoint(point, error, services.clock.now()));
  }
}

/** Compares the newest checkpoint's snapshots with what the source had, in the same way. */
export async function verifyReplica(
  services: VerifyServices,
  item: ItemRecord,
  signal: AbortSignal,
  enough = NEVER,
): Promise<Outcome> {
  const { machine, generation: of } = item;
  const { replica } = targetOf(item);
  const progress = await services.records.progress.get(machine);
  if (!replica || progress?.value.rebuildSince !== undefined) return "idle";
  const all = (await listCheckpoints(services.target, machine)).filter((one) => one.generation === of);
  const begun = await begunOn(services, item, "replica");
  const same = all.find(({ id }) => id === begun.goesOn?.id);
  const checkpoint = same ?? all[0];
  if (!checkpoint) return "idle";
  const pages = services.pagesAt(endpointOf(replica));
  try {
    const goesOn = same && begun.goesOn;
    const subject = {
      id: checkpoint.id,
      signal,
      enough,
      kept: begun.kept,
      goesOn,
      replica: { pages, checkpoint },
    };
    return await healing(services, machine, () => compare(services, item, "replica", subject));
  } catch (error) {
    // A newer checkpoint took its place meanwhile.
    if (hasCode(error, "NotFound")) return "idle";
    if (!isDamage(error)) throw error;
    return foundBad(services, item, unreadablePoint(checkpoint, error, services.clock.now()));
  }
}

interface BegunRoad {
  /** Whatever stands in the place of what the next turn keeps. */
  readonly kept: KeptVerification | undefined;
  /** The point that turns have begun with, as long as they can be gone on with. */
  readonly goesOn: Verification["point"] | undefined;
}

async function begunOn(
  { target, records }: VerifyServices,
  { machine, generation: of }: ItemRecord,
  road: Road,
): Promise<BegunRoad> {
  const kept = await readVerification(target, machine, road);
  const known = (await records.verification.get(machine))?.value;
  const since = known?.generation === of ? known[road].point?.id : undefined;
  const { point, since: ours } = kept?.verification ?? {};
  return { kept, goesOn: point?.generation === of && ours === since ? point : undefined };
}

type Subject = Pick<VerifyRequest, "replica" | "signal"> &
  BegunRoad & { readonly id: RecoveryPoint["id"]; readonly enough: () => boolean };

/** Compares what changed since the newest good point on this road, and what the scrub wants now. */
async function compare(
  services: VerifyServices,
  item: ItemRecord,
  road: Road,
  { id, enough, kept, goesOn, ...how }: Subject,
): Promise<Outcome> {
  const { machine, generation: of, policy } = item;
  const { target, records, clock } = services;
  const begun = clock.now();
  const known = await records.verification.upsert(machine, (old) => ({
    ...verificationFor(old, machine, of, begun),
    attemptedAt: begun,
  }));
  const { point: since, scrub } = known[road];
  const point = await readPoint(target, machine, id);
  const total = totalBlocks(point.disks);
  const due = since ? scrubWindow(begun, policy.scrubDays, scrub, total) : { start: 0, end: total };
  const window = goesOn && kept ? kept.verification.window : due;
  // Checkpoints that were dropped leave an older one as the newest: it was compared when it was new.
  if (since && since.sequence > point.sequence) return "idle";
  if (since?.id === point.id && window.end === window.start) return "idle";
  const key = await services.keyOf(machine);
  const request = { objects: target, key, point, since, scrub: blocksOf(point.disks, window), ...how };
  const turned = await verifyTurn(request, { road, kept, window, enough });
  const now = clock.now();
  if (!turned.complete) {
    const { compared, blocks } = turned;
    const underway = { point: id, end: window.end, compared, blocks };
    await records.verification.update(machine, (old) => withUnderway(old, road, of, underway));
    return "more";
  }
  const { wrong, scanned } = turned;
  if (countOf(wrong) > 0) return foundBad(services, item, badPointOf(road, point, wrong, now));
  const good = { point, scanned, scrub: scrubbed(scrub, window, total, now) };
  await records.verification.update(machine, (old) => withGood(old, road, good, now));
  if (kept) await endVerification(target, machine, road);
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
    await endVerification(target, machine, "replica");
    return "bad";
  }
  const { resync } = await records.verification.update(machine, (old) =>
    withResyncWanted(withBad(old, bad), bad.foundAt),
  );
  for (const road of ROADS) await endVerification(target, machine, road);
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
