import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { z } from "zod";
import type { ImageRange, ImageReader } from "../../engine/capture/image.ts";
import { ExtentSet } from "../../engine/core/extent.ts";
import { SECTOR } from "../../engine/core/units.ts";
import { PATIENT, attempt } from "../../engine/storage/attempt.ts";

/** `count` is one byte short: the client takes the last byte of a range for its end. */
const counted = z.object({ offset: z.number(), count: z.number() });
/** A part of the answer, as the client gives it; its types leave out the token, which says that more follows. */
const answer = z.object({
  pageRange: z.array(counted).optional(),
  clearRange: z.array(counted).optional(),
  continuationToken: z.string().optional(),
});
type Answer = z.infer<typeof answer>;

/**
 * A snapshot of a managed disk through its SAS. The footer that Azure puts behind the disk is left out.
 * @param sas URL with the access; a secret, never in an error
 * @param since the same of the earlier snapshot whose differences are wanted
 * @param name of the snapshot, for errors
 */
export function snapshotReader(
  sas: string,
  since: string | undefined,
  name: string,
  pipeline: StoragePipelineOptions = {},
): ImageReader {
  const once = { retryOptions: { maxTries: 1 } };
  const blob = new PageBlobClient(sas, new AnonymousCredential(), { ...pipeline, ...once });
  const ask = (offset: number, count: number) =>
    attempt(`listing what changed in snapshot ${name}`, PATIENT, async (abortSignal) =>
      answer.parse(
        since === undefined
          ? await blob.getPageRanges(offset, count, { abortSignal })
          : await blob.getPageRangesDiffForManagedDisks(offset, count, since, { abortSignal }),
      ),
    );
  return {
    changes: (start, end) => changesBy(ask, start, end),
    read: (offset, length) =>
      attempt(`reading ${length} bytes at ${offset} of snapshot ${name}`, PATIENT, (abortSignal) =>
        blob.downloadToBuffer(offset, length, { abortSignal, concurrency: 1, blockSize: length }),
      ),
  };
}

/**
 * What changed within [start, end), from as many answers as it takes: one that says that there is more is followed by one that
 * begins behind its last range. Ranges are put in order, joined and cut to what was asked for; where one is called both, it
 * holds data.
 */
export async function changesBy(
  ask: (offset: number, count: number) => Promise<Answer>,
  start: number,
  end: number,
): Promise<ImageRange[]> {
  const data = new ExtentSet();
  const cleared = new ExtentSet();
  for (let from = start; from < end;) {
    const { pageRange = [], clearRange = [], continuationToken } = await ask(from, end - from);
    let last = from;
    for (const [into, ranges] of [
      [data, pageRange],
      [cleared, clearRange],
    ] as const)
      for (const range of ranges) {
        const until = Math.min(endOf(range), end);
        if (until > Math.max(range.offset, from)) into.add(Math.max(range.offset, from), until);
        last = Math.max(last, until);
      }
    const more = continuationToken !== undefined && continuationToken !== "" && last > from;
    from = more ? last : end;
  }
  for (const { start: from, end: to } of data) cleared.subtract(from, to);
  return [
    ...[...data].map((range) => ({ ...range, cleared: false })),
    ...[...cleared].map((range) => ({ ...range, cleared: true })),
  ].toSorted((a, b) => a.start - b.start);
}

/** Pages have whole sectors, so what is missing of one is the client's. */
const endOf = ({ offset, count }: z.infer<typeof counted>): number =>
  Math.ceil((offset + count) / SECTOR) * SECTOR;
