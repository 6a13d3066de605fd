import { LeewardError } from "../engine/core/errors.ts";
import type { Digest } from "../engine/core/digest.ts";
import { blockCount } from "../engine/journal/digest-tree.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import type { Moment } from "../engine/replication/moment.ts";
import type { RestoredDisk } from "../engine/replication/restore.ts";
import { type WrittenRequest, blocksWith, pointBefore, writtenSince } from "../engine/replication/written.ts";
import { differingInImage, rootOfImage } from "./image.ts";

/** What an image was held against. */
export interface Evidence {
  readonly sentence: string;
  /** Of the whole image, where the source digested all of it. */
  readonly root: Digest | undefined;
  /** Blocks of 64 KiB that equal the source's own digests. */
  readonly equal: number;
  /** Blocks that were written after these digests were taken: bound by the chain of the journal. */
  readonly written: number;
}

type ProofRequest = Omit<WrittenRequest, "after" | "moment"> & { readonly moment: Moment };

/** Compares the image with what the source digested at the point, or at the last one before. @throws DiskDiffers */
export function proveImage(path: string, s: ProofRequest, disk: RestoredDisk): Promise<Evidence> {
  const { point } = s.moment;
  return point ? proveWhole(path, point, disk) : proveBetween(path, s, disk);
}

async function proveWhole(
  path: string,
  point: RecoveryPoint,
  { index, size }: RestoredDisk,
): Promise<Evidence> {
  const wanted = point.disks.find((disk) => disk.index === index)?.root;
  const root = await rootOfImage(path, size);
  if (root !== wanted)
    throw new LeewardError(
      "DiskDiffers",
      `the restored disk ${index} has root ${root}; the source had ${wanted} at point ${point.id}`,
    );
  const sentence = `every block equals the source's at that point: root ${root}`;
  return { sentence, root, equal: blockCount(size), written: 0 };
}

async function proveBetween(path: string, s: ProofRequest, disk: RestoredDisk): Promise<Evidence> {
  const point = await pointBefore(s.objects, s.moment);
  const all = blockCount(disk.size);
  if (!point) return { sentence: CHAINED, root: undefined, equal: 0, written: all };
  const written = blocksWith(await writtenSince({ ...s, after: point.sequence })).get(disk.index);
  const { objects, key } = s;
  const { count, first } = await differingInImage({
    objects,
    key,
    point,
    path,
    disk,
    except: written,
    most: 1,
  });
  if (count > 0)
    throw new LeewardError(
      "DiskDiffers",
      `${count} blocks of the restored disk ${disk.index}, from block ${first[0]} on, are not what the source had at point ${point.id}, and no write came after`,
    );
  const since = written?.total ?? 0;
  const sentence =
    `${all - since} blocks equal the source's at point ${point.id}, the last before; ` +
    `the other ${since} were written since, by writes that the chain binds to it`;
  return { sentence, root: undefined, equal: all - since, written: since };
}

const CHAINED =
  "every write is bound by the chain of its segments; no point before it is left to compare with";
