import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { z } from "zod";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { MIB, diskIndex } from "../engine/core/units.ts";
import { checked } from "../engine/core/schema.ts";
import type { DataKey } from "../engine/journal/key.ts";
import type { Moment } from "../engine/replication/moment.ts";
import type { Healed } from "../engine/replication/pass-over.ts";
import { rawImage } from "../engine/replication/raw-image.ts";
import { readHealed } from "../engine/replication/read-healed.ts";
import {
  type RestoreProgress,
  type RestoreRequest,
  type RestoredDisk,
  restorePoint,
} from "../engine/replication/restore.ts";
import { type Evidence, proveImage } from "./prove.ts";
import { ProgressBar } from "./progress-bar.ts";
import {
  SOURCE_HELP,
  type KeyedSource,
  SOURCE_OPTIONS,
  STATE_HELP,
  STATE_OPTIONS,
  checkState,
  momentFor,
  openMachine,
  sourceSchema,
  stateSchema,
  unwrapKey,
} from "./source.ts";
import { UsageError, parseOptions } from "./usage.ts";

export const help = `leeward restore --from URL|DIR [--machine ID] (--point ID|latest | --at INSTANT | --sequence N|latest)
                --key-file FILE --out FILE

Rebuilds one disk as it was at a recovery point, or after any write between points, from the objects of the target
account alone: no Functions app, no Azure subscription, no replica. The image is raw and sparse. It is written to
FILE.partial, compared with what the source machine itself digested, and only then given its name. Between points that is
the last point before: every block that was not written since must equal the source's, and every write since is bound
by the chain of its segments. Such a state is crash-consistent over all disks, as after a power cut.

${SOURCE_HELP}
${STATE_HELP}
  --key-file FILE      the master key: 32 bytes, raw or in base64
  --out FILE           the image to make
  --disk N             which disk of the machine (default 0)
  --force              replace FILE if it exists
  --json               print the result as JSON on standard output`;

const schema = z.object({
  ...sourceSchema,
  ...stateSchema,
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
    {
      ...SOURCE_OPTIONS,
      ...STATE_OPTIONS,
      out: text,
      "key-file": text,
      disk: text,
      force: { type: "boolean" },
    },
    schema,
  );
  checkState(options);
  const { out } = options;
  if (existsSync(out) && !options.force) throw new UsageError(`${out} exists; --force replaces it`);
  const place = await openMachine(options);
  const found = { ...place, key: await keyFor(place, options["key-file"]) };
  await readHealed(found, (healed) => restore({ ...found, objects: healed }, options, signal), tell);
}

/** What is damaged and can be made again is, for this reader alone. */
function tell(healed: readonly Healed[]): void {
  for (const { name, what } of healed) console.error(`${name} ${what}`);
}

async function restore(
  source: KeyedSource,
  options: z.infer<typeof schema>,
  signal: AbortSignal,
): Promise<void> {
  const { out } = options;
  const moment = await momentFor(source, options);
  const disk = moment.disks.find(({ index }) => index === options.disk);
  if (!disk) throw new UsageError(`machine ${source.machine} has no disk ${options.disk}`);
  const partial = `${out}.partial`;
  try {
    const progress = await restoreTo(partial, { ...source, point: moment, signal }, disk);
    const evidence = await proveImage(partial, { ...source, moment, signal }, disk);
    await rename(partial, out);
    report(options, moment, disk, progress, evidence);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** A machine that there is not is told by its points sooner than by its key. */
async function keyFor({ objects, machine }: Omit<KeyedSource, "key">, masterKey: string): Promise<DataKey> {
  try {
    return await unwrapKey(objects, machine, masterKey);
  } catch (error) {
    if (!(error instanceof LeewardError) || error.code !== "NotFound") throw error;
    throw new LeewardError(
      "NotFound",
      `there is no recovery point of a machine ${machine}: ${error.message}`,
    );
  }
}

async function restoreTo(
  path: string,
  s: Pick<RestoreRequest, "objects" | "key" | "point" | "signal">,
  disk: RestoredDisk,
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

function report(
  { out, json }: z.infer<typeof schema>,
  moment: Moment,
  disk: RestoredDisk,
  progress: RestoreProgress,
  evidence: Evidence,
): void {
  const { id, generation, sequence, time, consistency, machine } = moment;
  const { index, name, size } = disk;
  if (json) {
    const { root, equal, written: since } = evidence;
    const proof = {
      verified: moment.point !== undefined,
      ...(root && { root }),
      equalBlocks: equal,
      writtenBlocks: since,
    };
    const restored = { index, name, size, written: progress.written, image: out, ...proof };
    const state = { id, generation, sequence, time: toIso(time), consistency };
    console.log(JSON.stringify({ [moment.point ? "point" : "write"]: state, disk: restored }));
    return;
  }
  const what = moment.point
    ? `point     ${id}, ${consistency}-consistent, ${toIso(time)}, write ${sequence} of generation ${generation}`
    : `write     ${sequence} of generation ${generation}, ${toIso(time)}, crash-consistent`;
  console.log(`Restored disk ${index} (${name}, ${(size / MIB).toFixed(0)} MiB) of ${machine} to ${out}
  ${what}
  journal   ${progress.segments} segments read and checked, ${(progress.written / MIB).toFixed(1)} MiB written
  verified  ${evidence.sentence}`);
}
