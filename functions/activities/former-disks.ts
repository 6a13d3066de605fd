import { hash } from "node:crypto";
import { findDisk, openDisk } from "../../engine/azure/disk.ts";
import { ensureSnapshot, findSnapshot } from "../../engine/azure/snapshot.ts";
import type { ImageRange, ImageReader } from "../../engine/capture/image.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId, groupOf } from "../../engine/core/ids.ts";
import { inParallel } from "../../engine/core/in-order.ts";
import { GIB, type Millis, bytes, millis } from "../../engine/core/units.ts";
import { type ItemRecord, lastSegment } from "../../engine/recovery/item.ts";
import type { SeedDisk } from "../../engine/replication/seed-reader.ts";
import type { DiskReader } from "../../engine/replication/verify.ts";
import type { Services } from "../services.ts";
import { sweepSnapshots } from "./image-sweep.ts";
import { snapshotReader } from "./snapshot-reader.ts";

/** Azure's SAS ends by itself after this time, should this process die. */
const ACCESS_SECONDS = 3600;
const PARALLEL = 8;
const SOON = millis(3000);

type Azure = Pick<Services, "arm" | "clock" | "settings">;
type Former = NonNullable<ItemRecord["former"]>;
type FormerDisk = Former["disks"][number];

/** Their own role: capture by images deletes what is its own, and nothing of this. */
const SEED = "seed";
const seedOwner = ({ machine }: Pick<ItemRecord, "machine">) => ({ machine, role: SEED });

/** What is wrong with a former disk, so that it is no base; undefined when it can be read. */
export async function whyUnreadable(
  { arm }: Pick<Services, "arm">,
  { id, size }: FormerDisk,
): Promise<string | undefined> {
  const found = await findDisk(arm, id);
  if (!found) return `the former disk ${lastSegment(id)} is gone`;
  const { diskSizeBytes: now } = found.properties;
  return now === size ? undefined : `the former disk ${lastSegment(id)} has ${now} bytes by now, not ${size}`;
}

/** What that comes to, in words, for those of them with which anything is wrong. */
export const copiedWhole = (found: readonly (string | undefined)[]): string[] =>
  found.flatMap((why) => (why === undefined ? [] : [`${why}: all of it is copied`]));

interface FormerDisks {
  readonly disks: readonly SeedDisk[];
  /** Which of them are copied whole, and why. */
  readonly whole: readonly string[];
}

/**
 * The former machine's disks as they are now, to be read: a snapshot of each, taken once. One that is no base any more reads as
 * empty, so that all of it is copied.
 * @returns how long to wait while the snapshots are made
 */
export async function formerDisks(
  azure: Azure,
  item: ItemRecord,
  former: Former,
): Promise<FormerDisks | Millis> {
  const looked = await inParallel(former.disks, PARALLEL, async (disk) => {
    const why = await whyUnreadable(azure, disk);
    return { disk, why, snapshot: why === undefined ? await taken(azure, item, disk) : undefined };
  });
  if (looked.some(({ snapshot }) => snapshot === "pending")) return SOON;
  const disks = await inParallel(looked, PARALLEL, async ({ disk, snapshot }): Promise<SeedDisk> => {
    const { index, size } = disk;
    if (snapshot === undefined || snapshot === "pending") return { index, size, read: nothing };
    const grant = { access: "Read", seconds: ACCESS_SECONDS } as const;
    const sas = await openDisk(azure.arm, snapshot, grant, azure.clock);
    return { index, size, read: sparse(snapshotReader(sas, undefined, lastSegment(snapshot)), size) };
  });
  return { disks, whole: copiedWhole(looked.map(({ why }) => why)) };
}

/** Whatever access there is to them is of no use any more, and they are gone. May run twice. */
export const closeFormerDisks = (azure: Azure, item: ItemRecord, { vmId }: Former): Promise<void> =>
  sweepSnapshots(azure, groupOf(vmId), seedOwner(item));

async function taken(
  { arm, settings }: Azure,
  item: ItemRecord,
  disk: FormerDisk,
): Promise<ArmId | "pending"> {
  const id = snapshotIdOf(item, disk);
  await ensureSnapshot(arm, { id, location: settings.region, disk: disk.id, owner: seedOwner(item) });
  const { provisioningState: state, completionPercent = 100 } =
    (await findSnapshot(arm, id))?.properties ?? {};
  if (state === "Failed" || state === "Canceled")
    throw new LeewardError("ArmFailed", `the snapshot ${lastSegment(id)} is ${state}`);
  return state === "Succeeded" && completionPercent >= 100 ? id : "pending";
}

/** The name says machine, generation and disk, and is no longer than Azure takes. */
function snapshotIdOf({ machine, generation }: ItemRecord, { id, index }: FormerDisk): ArmId {
  const name = `leeward-seed-${hash("sha256", machine).slice(0, 12)}-${generation}-${index}`;
  return armId(`${groupOf(id)}/providers/Microsoft.Compute/snapshots/${name}`);
}

const nothing: DiskReader = async (_, length) => new Uint8Array(length);

/** So much is asked at once where there is data at all. */
const WINDOW = GIB;

/** Only where the disk holds anything is it read. */
function sparse(reader: ImageReader, size: number): DiskReader {
  let window: { readonly from: number; readonly ranges: Promise<readonly ImageRange[]> } | undefined;
  const rangesAround = (offset: number): Promise<readonly ImageRange[]> => {
    const from = offset - (offset % WINDOW);
    if (window?.from !== from)
      window = { from, ranges: reader.changes(bytes(from), bytes(Math.min(from + WINDOW, size))) };
    return window.ranges;
  };
  return async (offset, length) => {
    const end = offset + length;
    for (let at: number = offset; at < end; at += WINDOW - (at % WINDOW)) {
      const ranges = await rangesAround(at);
      if (ranges.some((range) => !range.cleared && range.start < end && range.end > offset))
        return reader.read(offset, length);
    }
    return new Uint8Array(length);
  };
}
