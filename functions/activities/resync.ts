import { type ErrorCode, LeewardError } from "../../engine/core/errors.ts";
import { ExtentSet } from "../../engine/core/extent.ts";
import type { DiskIndex } from "../../engine/core/units.ts";
import type { Base } from "../../engine/journal/base.ts";
import { type ItemRecord, endpointOf, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import { resyncDue, withRefused } from "../../engine/recovery/resync.ts";
import { STATES } from "../../engine/recovery/state.ts";
import type { VerificationRecord } from "../../engine/recovery/verification.ts";
import { isOffered, offerDigests, withdrawDigests } from "../../engine/replication/base-digests.ts";
import type { Blocks } from "../../engine/replication/blocks.ts";
import { readBase } from "../../engine/replication/lineage.ts";
import { blockDigestsAt } from "../../engine/replication/verify.ts";
import { endGeneration } from "../generations.ts";
import type { Services } from "../services.ts";
import { type Implementations, itemOf } from "./tools.ts";

type ResyncServices = Pick<Services, "target" | "records" | "clock" | "keyOf" | "objectsAt">;

export const resyncActivities = {
  async tendResync({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const progress = (await services.records.progress.get(machine))?.value;
    if (!progress || !STATES[item.state].replicating) return null;
    if (progress.arrived.generation !== item.generation) return null;
    const due = resyncDue(progress);
    if (due === "offer" || (due === "look" && !(await isThere(services, item)))) await offer(services, item);
    if (due === "clear") await clear(services, item);
    return null;
  },
} satisfies Partial<Implementations>;

const isThere = (services: ResyncServices, item: ItemRecord): Promise<boolean> =>
  isOffered(cacheOf(services, item), item, sourceOf(item).disks);

/** Puts what the base holds where the agent finds it. A base that cannot be read ends the generation: the next gets another. */
async function offer(services: ResyncServices, item: ItemRecord): Promise<void> {
  const { machine, generation: of } = item;
  const { target, records, keyOf } = services;
  try {
    const kept = await readBase(target, machine, of);
    if (!kept) throw new LeewardError("BaseMissing", `generation ${of} of ${machine} has lost its base`);
    const { base, digest } = kept;
    const point = { machine, ...base.point };
    const key = await keyOf(machine);
    const digests = await blockDigestsAt({ objects: target, key, point });
    const place = { machine, generation: of, digest, id: point.id };
    const forced = wrongBlocks((await records.verification.get(machine))?.value, base);
    await offerDigests({ cache: cacheOf(services, item), key, place, disks: point.disks, digests, forced });
  } catch (error) {
    if (!(error instanceof LeewardError) || !UNREADABLE.has(error.code)) throw error;
    await refuse(services, item);
    return;
  }
  await records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of ? { ...old, resync: { ...old.resync, offered: true } } : old,
  );
}

const UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  "BaseMissing",
  "SegmentDamaged",
  "SegmentMissing",
  "ChainBroken",
  "LayerDamaged",
  "ManifestDamaged",
]);

/** Of points of the base's generation that were found bad: the target has them wrong whatever its digests say. */
function wrongBlocks(known: VerificationRecord | undefined, { point }: Base): Blocks {
  const wrong = new Map<DiskIndex, ExtentSet>(point.disks.map(({ index }) => [index, new ExtentSet()]));
  for (const { road, generation: of, blocks } of known?.bad ?? [])
    if (road === "journal" && of === point.generation)
      for (const { disk, block } of blocks) wrong.get(disk)?.add(block, block + 1);
  return wrong;
}

async function refuse(
  { records, clock }: ResyncServices,
  { machine, generation: of }: ItemRecord,
): Promise<void> {
  await records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of ? { ...old, resync: withRefused(old.resync) } : old,
  );
  await endGeneration({ records, clock }, { machine, generation: of }, "verification");
}

/** The cache may keep nothing of the target for longer than it is needed. */
async function clear(services: ResyncServices, item: ItemRecord): Promise<void> {
  const { machine, generation: of } = item;
  await withdrawDigests(cacheOf(services, item), machine, of);
  const agent = (await services.records.agents.get(machine))?.value;
  const beat = agent?.heartbeat?.generation === of ? agent.heartbeat : undefined;
  const endedAt = services.clock.now();
  const { sent } = beat?.initialCopy ?? {};
  await services.records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of
      ? { ...old, resync: { ...old.resync, endedAt, ...(sent !== undefined && { sent }) } }
      : old,
  );
}

const cacheOf = ({ objectsAt }: ResyncServices, item: ItemRecord) =>
  objectsAt(endpointOf(targetOf(item).cache));
