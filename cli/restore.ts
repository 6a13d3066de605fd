import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { z } from "zod";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { MIB, diskIndex } from "../engine/core/units.ts";
import { checked } from "../engine/core/schema.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { rawImage } from "../engine/replication/raw-image.ts";
import { type PointDisk, type RestoreProgress, restorePoint } from "../engine/replication/restore.ts";
import { rootOfImage } from "./image.ts";
import { ProgressBar } from "./progress-bar.ts";
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

export const help = `leeward restore --from URL|DIR --machine ID --point ID|latest --key-file FILE --out FILE

Rebuilds one disk as it was at a recovery point, from the objects of the target account alone: no Functions app, no
Azure subscription, no replica. The image is raw and sparse. It is written to FILE.partial, compared with what the
source machine itself digested at that point, and only then given its name.

${SOURCE_HELP}
  --point ID|latest    the recovery point ("leeward points" lists them)
  --key-file FILE      the master key: 32 bytes, raw or in base64
  --out FILE           the image to make
  --disk N             which disk of the machine (default 0)
  --force              replace FILE if it exists
  --json               print the result as JSON on standard output`;

const schema = z.object({
  ...sourceSchema,
  point: pointSchema,
  out: z.string({ error: "is missing: the image to make" }).min(1),
  "key-file": z.string({ error: "is missing: the file of the master key" }).min(1),
  disk: z.coerce.number().default(0).transform(checked(diskIndex)),
  force: z.boolean().default(false),
});

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  const text = { type: "string" } as const;
  const options = parseOptions(
    args,
    { ...SOURCE_OPTIONS, point: text, out: text, "key-file": text, disk: text, force: { type: "boolean" } },
    schema,
  );
  const { out, machine } = options;
  if (existsSync(out) && !options.force) throw new UsageError(`${out} exists; --force replaces it`);
  const objects = await openSource(options.from);
  const point = await findPoint(objects, machine, options.point);
  const disk = point.disks.find(({ index }) => index === options.disk);
  if (!disk) throw new UsageError(`point ${point.id} has no disk ${options.disk}`);
  const key = await unwrapKey(objects, machine, options["key-file"]);
  const partial = `${out}.partial`;
  try {
    const progress = await restoreTo(partial, { objects, key, point, signal }, disk);
    await proveImage(partial, point, disk);
    await rename(partial, out);
    report(options, point, disk, progress);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function restoreTo(
  path: string,
  s: Pick<Parameters<typeof restorePoint>[0], "objects" | "key" | "point" | "signal">,
  disk: PointDisk,
): Promise<RestoreProgress> {
  const bar = new ProgressBar("Restoring");
  const progress = await restorePoint({
    ...s,
    sinkFor: async ({ index }) => (index === disk.index ? rawImage(path, disk.size) : undefined),
    onProgress: ({ done, segments, written }) => bar.show(done, segments, written),
  });
  bar.clear();
  return progress;
}

async function proveImage(path: string, point: RecoveryPoint, disk: PointDisk): Promise<void> {
  const root = await rootOfImage(path, disk.size);
  if (root !== disk.root)
    throw new LeewardError(
      "DiskDiffers",
      `the restored disk ${disk.index} has root ${root}; the source had ${disk.root} at point ${point.id}`,
    );
}

function report(
  { out, json }: z.infer<typeof schema>,
  point: RecoveryPoint,
  disk: PointDisk,
  progress: RestoreProgress,
): void {
  const { id, generation, sequence, time, consistency } = point;
  const { index, name, size, root } = disk;
  if (json) {
    const restored = { index, name, size, root, written: progress.written, image: out, verified: true };
    console.log(
      JSON.stringify({ point: { id, generation, sequence, time: toIso(time), consistency }, disk: restored }),
    );
    return;
  }
  console.log(`Restored disk ${index} (${name}, ${(size / MIB).toFixed(0)} MiB) of ${point.machine} to ${out}
  point     ${id}, ${consistency}-consistent, ${toIso(time)}, write ${sequence} of generation ${generation}
  journal   ${progress.segments} segments read and checked, ${(progress.written / MIB).toFixed(1)} MiB written
  verified  every block equals the source's at that point: root ${root}`);
}
