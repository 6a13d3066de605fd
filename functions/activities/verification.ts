import { type ErrorCode, LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { generation } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { type ItemRecord, endpointOf, itemKeyOf, targetOf } from "../../engine/recovery/item.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { type BadPoint, type Road, badPointOf, unreadablePoint } from "../../engine/recovery/bad-point.ts";
import { verificationFor, withBad, withGood, withResyncWanted } from "../../engine/recovery/verification.ts";
import { blocksOf, countOf } from "../../engine/replication/blocks.ts";
import { dropCheckpoints, listCheckpoints } from "../../engine/replication/checkpoints.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { scrubWindow, scrubbed, totalBlocks } from "../../engine/recovery/scrub.ts";
import { type VerifyRequest, verifyPoint } from "../../engine/replication/verify-point.ts";
import type { VerifyResult } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const verificationActivities = {
  async verify({ machine, road }, { services }) {
    const item = await itemOf(services, machine);
    if (!STATES[item.state].replicating) return { state: "ended" };
    const state = await whileReplicating(services, machine, (signal) =>
      road === "journal" ? verifyJournal(services, item, signal) : verifyReplica(services, item, signal),
    );
    return { state };
  },

  async noteVerification({ machine, problem }, { services }) {
    const item = await itemOf(services, machine);
    const now = services.clock.now();
    await services.records.verification.upsert(machine, (old) => {
      const known = verificationFor(old, machine, item.generation, now);
      const since = known.problem?.code === problem.code ? known.problem.since : now;
      return { ...known, problem: { ...problem, since }, attemptedAt: now };
    });
    return null;
  },
} satisfies Partial<Implementations>;

type State = VerifyResult["state"];

/** How often verification looks whether a failover wants the machine's storage for itself. */
const LOOK_MS = 2000;

/** Verification is the least urgent of all work: it gives up as soon as the machine is no longer replicated. */
async function whileReplicating(
  services: Services,
  machine: MachineId,
  work: (signal: AbortSignal) => Promise<State>,
): Promise<State> {
  const ended = new AbortController();
  const look = async () => {
    const { state } = await itemOf(services, machine);
    if (!STATES[state].replicating) ended.abort();
  };
  // A look that fails says nothing about the machine; the next one may.
  const looking = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  try {
    return await work(ended.signal);
  } catch (error) {
    if (ended.signal.aborted) return "ended";
    throw error;
  } finally {
    clearInterval(looking);
  }
}

async function verifyJournal(services: Services, item: ItemRecord, signal: AbortSignal): Promise<State> {
  const { machine, generation: of } = item;
  const newest = (await services.records.progress.get(machine))?.value.point;
  if (newest?.generation !== of) return "idle";
  try {
    return await compare(services, item, "journal", { id: newest.id, signal });
  } catch (error) {
    if (!isDamage(error)) throw error;
    return foundBad(services, item, unreadablePoint(newest, error, services.clock.now()));
  }
}

async function verifyReplica(services: Services, item: ItemRecord, signal: AbortSignal): Promise<State> {
  const { machine, generation: of } = item;
  const { replica } = targetOf(item);
  const progress = await services.records.progress.get(machine);
  if (!replica || progress?.value.rebuildSince !== undefined) return "idle";
  const checkpoint = (await listCheckpoints(services.target, machine)).find((one) => one.generation === of);
  if (!checkpoint) return "idle";
  const pages = services.pagesAt(endpointOf(replica));
  try {
    return await compare(services, item, "replica", {
      id: checkpoint.id,
      signal,
      replica: { pages, checkpoint },
    });
  } catch (error) {
    // A newer checkpoint took its place meanwhile; and what is wrong with the journal, the other road has said.
    if (hasCode(error, "NotFound") || isDamage(error)) return "idle";
    throw error;
  }
}

type Subject = Pick<VerifyRequest, "replica" | "signal"> & { readonly id: RecoveryPoint["id"] };

/** Compares what changed since the newest good point on this road, and what the scrub wants now. */
async function compare(services: Services, item: ItemRecord, road: Road, subject: Subject): Promise<State> {
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
  if (since && (since.id === point.id || since.sequence > point.sequence) && window.end === window.start)
    return "idle";
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
async function foundBad(services: Services, item: ItemRecord, bad: BadPoint): Promise<"bad"> {
  const { machine } = item;
  const { records, target } = services;
  if (bad.road === "replica") {
    await records.progress.update(machine, (old) => ({
      ...old,
      rebuildSince: old.rebuildSince ?? bad.foundAt,
    }));
    await records.verification.update(machine, (old) => withBad(old, bad));
    const { replica } = targetOf(item);
    if (replica) await dropCheckpoints(target, services.pagesAt(endpointOf(replica)), machine, 0);
    return "bad";
  }
  const { resync } = await records.verification.update(machine, (old) =>
    withResyncWanted(withBad(old, bad), bad.foundAt),
  );
  if (resync?.begun) await endGeneration(services, item);
  return "bad";
}

/** The next heartbeat tells the agent that its generation is over; it registers anew and gets the next one. */
const endGeneration = ({ records }: Services, { machine, generation: of }: ItemRecord) =>
  records.items.update(itemKeyOf(machine), (old) =>
    old.generation === of && STATES[old.state].replicating ? { ...old, generation: generation(of + 1) } : old,
  );

const DAMAGE: ReadonlySet<ErrorCode> = new Set([
  "SegmentDamaged",
  "SegmentMissing",
  "ChainBroken",
  "ManifestDamaged",
]);

const isDamage = (error: unknown): error is LeewardError =>
  error instanceof LeewardError && DAMAGE.has(error.code);
