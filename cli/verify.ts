import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { checked } from "../engine/core/schema.ts";
import { diskIndex } from "../engine/core/units.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { decidedBy } from "./exit-code.ts";
import { type DifferingBlocks, differingInImage, rootOfImage } from "./image.ts";
import {
  SOURCE_HELP,
  SOURCE_OPTIONS,
  findPoint,
  openMachine,
  pointSchema,
  sourceSchema,
  unwrapKey,
} from "./source.ts";
import { SCRATCH_HELP } from "./scratch.ts";
import { UsageError, parseOptions } from "./usage.ts";
import { MOST_NAMED, verifyJournal } from "./verify-journal.ts";

export const help = `leeward verify --from URL|DIR [--machine ID] [--point ID|latest] --key-file FILE
leeward verify --from URL|DIR [--machine ID] --point ID|latest --image FILE [--key-file FILE]

Without an image: rebuilds recovery points from the journal's objects and compares every block with what the source
machine itself digested at the point. Nothing is written. Without --point it goes through all points, oldest first; of
each it rebuilds what changed since the one before, and all of the first. Bad points are named with their blocks.

With an image: compares a raw image with what the source's disk was at the point.

${SOURCE_HELP}
  --point ID|latest    the recovery point
  --image FILE         the raw image
  --disk N             which disk of the machine it should be (default 0)
  --key-file FILE      the master key; beside an image it only serves to name the blocks that differ
  --json               print the result as JSON on standard output

${SCRATCH_HELP}

Exit codes: 0 all is as the source had it; 1 something differs, is damaged or missing; 2 wrong usage;
3 it could not be found out, since the storage or the key did not let it; 130 interrupted.`;

const schema = z.object({
  ...sourceSchema,
  point: pointSchema.optional(),
  image: z.string().min(1).optional(),
  "key-file": z.string().min(1).optional(),
  disk: z.coerce.number().default(0).transform(checked(diskIndex)),
});
type Options = z.infer<typeof schema>;

export const exitCodeOf = (error: LeewardError): number => (decidedBy(error) ? 1 : 3);

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  const text = { type: "string" } as const;
  const options = parseOptions(
    args,
    { ...SOURCE_OPTIONS, point: text, image: text, "key-file": text, disk: text },
    schema,
  );
  const { image, point } = options;
  const keyFile = options["key-file"];
  if (image !== undefined && point === undefined)
    throw new UsageError("--point: is missing: what the image should be");
  if (image === undefined && keyFile === undefined)
    throw new UsageError("--key-file: is missing: the file of the master key");
  const { objects, machine } = await openMachine(options);
  if (image !== undefined) {
    await verifyImageFile(objects, image, await findPoint(objects, machine, point ?? "latest"), options);
    return;
  }
  const key = await unwrapKey(objects, machine, keyFile ?? "");
  const only = point === undefined ? undefined : await findPoint(objects, machine, point);
  await verifyJournal({ objects, key, machine, only, json: options.json, signal });
}

async function verifyImageFile(
  objects: ObjectStore,
  image: string,
  point: RecoveryPoint,
  options: Options,
): Promise<void> {
  const disk = point.disks.find(({ index }) => index === options.disk);
  if (!disk) throw new UsageError(`point ${point.id} has no disk ${options.disk}`);
  const root = await rootOfImage(image, disk.size);
  if (root !== disk.root) {
    const keyFile = options["key-file"];
    const key = keyFile === undefined ? undefined : await unwrapKey(objects, point.machine, keyFile);
    const request = { objects, point, path: image, disk, most: MOST_NAMED };
    const which = key ? `; ${named(await differingInImage({ ...request, key }))}` : "";
    throw new LeewardError(
      "DiskDiffers",
      `${image} has root ${root}, disk ${disk.index} had ${disk.root} at point ${point.id}${which}`,
    );
  }
  const verified = { point: point.id, disk: disk.index, image, root, verified: true };
  const sentence = `${image} is disk ${disk.index} of ${point.machine} at point ${point.id}: root ${root}`;
  console.log(options.json ? JSON.stringify(verified) : sentence);
}

const named = ({ count, first }: DifferingBlocks): string =>
  `${count} blocks of 64 KiB differ: ${first.join(", ")}${count > first.length ? ", …" : ""}`;
