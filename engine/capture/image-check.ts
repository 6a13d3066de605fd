import { LeewardError } from "../core/errors.ts";
import type { Micros } from "../core/units.ts";
import type { CaptureState } from "../journal/capture-document.ts";
import type { SizedDisk } from "../replication/blocks.ts";
import type { DiskImage } from "./image.ts";

/** So far apart images of several disks are made anew. */
export const MOST_SPREAD = 120_000;

/** Milliseconds from when the first image was asked for to when the last one was there; of one disk none. */
export const spreadOf = ({ asked }: { readonly asked: Micros }, disks: readonly DiskImage[]): number =>
  disks.length < 2 ? 0 : Math.max(0, ...disks.map(({ taken }) => Math.ceil((taken - asked) / 1000)));

/** The disks that are larger in these images than they were when the generation began, as they are now. */
export const grownIn = (disks: readonly SizedDisk[], images: readonly DiskImage[]): SizedDisk[] =>
  disks.flatMap(({ index, size }) => {
    const image = images.find(({ disk }) => disk === index);
    return image && image.size > size ? [{ index, size: image.size }] : [];
  });

/**
 * @throws ImageLost when the images are not of the disks that were protected, or do not continue the ones before;
 *   SourceUnsuitable for one that became smaller, as only another disk can be
 */
export function checkImages(
  disks: readonly SizedDisk[],
  { machine, base }: CaptureState,
  images: readonly DiskImage[],
): void {
  const lost = (why: string) => new LeewardError("ImageLost", `${machine}: ${why}`);
  for (const { index, size } of disks) {
    const image = images.find(({ disk }) => disk === index);
    const before = base?.disks.find(({ disk }) => disk === index);
    if (!image) throw lost(`there is no image of disk ${index}`);
    if (image.size < size)
      throw new LeewardError(
        "SourceUnsuitable",
        `${machine}: disk ${index} has ${image.size} bytes, and was protected with ${size}: enable protection anew`,
      );
    if (before && image.source !== before.source) throw lost(`disk ${index} was made anew`);
    if (before && image.family !== before.family)
      throw lost(`snapshots of disk ${index} are of another family now`);
  }
}
