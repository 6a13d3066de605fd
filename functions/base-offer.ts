import { type ErrorCode, LeewardError } from "../engine/core/errors.ts";
import { ExtentSet } from "../engine/core/extent.ts";
import type { DiskIndex } from "../engine/core/units.ts";
import type { Base } from "../engine/journal/base.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import type { VerificationRecord } from "../engine/recovery/verification.ts";
import type { Blocks, SizedDisk } from "../engine/replication/blocks.ts";
import { type KeptBase, readBase } from "../engine/replication/lineage.ts";
import { offerTurn } from "../engine/replication/offer-turn.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { Services } from "./services.ts";

/** What the generation stands on, and whether all of it is offered. */
interface OfferedBase extends KeptBase {
  readonly complete: boolean;
}

/**
 * One turn of putting what the generation's base holds, block by block, where it is to be compared with.
 * @param disks of the generation: what has grown since the base is compared with zeros there
 * @throws BaseMissing when its document is gone; what reading its journal throws
 */
export async function offerBase(
  { target, records, keyOf }: Pick<Services, "target" | "records" | "keyOf">,
  { machine, generation: of }: Pick<ItemRecord, "machine" | "generation">,
  disks: readonly SizedDisk[],
  to: ObjectStore,
  enough: () => boolean,
): Promise<OfferedBase> {
  const kept = await readBase(target, machine, of);
  if (!kept) throw new LeewardError("BaseMissing", `generation ${of} of ${machine} has lost its base`);
  const { base, digest } = kept;
  const point = { machine, ...base.point };
  const key = await keyOf(machine);
  const place = { machine, generation: of, digest, id: point.id };
  const forced = wrongBlocks((await records.verification.get(machine))?.value, base);
  const request = { objects: target, cache: to, key, point, place, disks, forced, enough };
  return { ...kept, complete: await offerTurn(request) };
}

/** Of points of the base's generation that were found bad: the target has them wrong whatever its digests say. */
function wrongBlocks(known: VerificationRecord | undefined, { point }: Base): Blocks {
  const wrong = new Map<DiskIndex, ExtentSet>(point.disks.map(({ index }) => [index, new ExtentSet()]));
  for (const { road, generation: of, blocks } of known?.bad ?? [])
    if (road === "journal" && of === point.generation)
      for (const { disk, block } of blocks) wrong.get(disk)?.add(block, block + 1);
  return wrong;
}

/** The base's journal does not say any more what it held. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof LeewardError && UNREADABLE.has(error.code);

const UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  "BaseMissing",
  "SegmentDamaged",
  "SegmentMissing",
  "ChainBroken",
  "LayerDamaged",
  "ManifestDamaged",
]);
