import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { checked } from "../engine/core/schema.ts";
import { diskIndex } from "../engine/core/units.ts";
import type { PointDisk } from "../engine/replication/restore.ts";
import type { DigestsRequest } from "../engine/replication/named-blocks.ts";
import { blockDigestsAt, verifyImage } from "../engine/replication/verify.ts";
import { rootOfImage, withImage } from "./image.ts";
import {
  SOURCE_HELP,
  SOURCE_OPTIONS,
  findPoint,
  openSource,
  pointSchema,
  sourceSchema,
  unwrapKey,
} from "./source.ts";
import { UsageError, parseOptions } from "./usage.ts";

export const help = `leeward verify --from URL|DIR --machine ID --point ID|latest --image FILE

Compares a raw image with what the source machine's disk was at a recovery point, by the digests that the source took.

${SOURCE_HELP}
  --point ID|latest    the recovery point
  --image FILE         the raw image
  --disk N             which disk of the machine it should be (default 0)
  --key-file FILE      the master key; with it, the blocks that differ are named
  --json               print the result as JSON on standard output`;

const schema = z.object({
  ...sourceSchema,
  point: pointSchema,
  image: z.string({ error: "is missing: the raw image" }).min(1),
  "key-file": z.string().min(1).optional(),
  disk: z.coerce.number().default(0).transform(checked(diskIndex)),
});

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[]): Promise<void> {
  const text = { type: "string" } as const;
  const options = parseOptions(
    args,
    { ...SOURCE_OPTIONS, point: text, image: text, "key-file": text, disk: text },
    schema,
  );
  const { machine, image } = options;
  const objects = await openSource(options.from);
  const point = await findPoint(objects, machine, options.point);
  const disk = point.disks.find(({ index }) => index === options.disk);
  if (!disk) throw new UsageError(`point ${point.id} has no disk ${options.disk}`);
  const root = await rootOfImage(image, disk.size);
  if (root !== disk.root) {
    const keyFile = options["key-file"];
    const key = keyFile === undefined ? undefined : await unwrapKey(objects, machine, keyFile);
    const which = key ? `; ${await differences(image, disk, { objects, key, point })}` : "";
    throw new LeewardError(
      "DiskDiffers",
      `${image} has root ${root}, disk ${disk.index} had ${disk.root} at point ${point.id}${which}`,
    );
  }
  const verified = { point: point.id, disk: disk.index, image, root, verified: true };
  const sentence = `${image} is disk ${disk.index} of ${machine} at point ${point.id}: root ${root}`;
  console.log(options.json ? JSON.stringify(verified) : sentence);
}

const MOST_NAMED = 20;

async function differences(image: string, { index, size }: PointDisk, s: DigestsRequest): Promise<string> {
  const digests = (await blockDigestsAt(s)).get(index) ?? new Uint8Array();
  const wrong = await withImage(image, (read) => verifyImage(read, size, digests));
  const more = wrong.length > MOST_NAMED ? ", …" : "";
  return `${wrong.length} blocks of 64 KiB differ: ${wrong.slice(0, MOST_NAMED).join(", ")}${more}`;
}
