import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { operationId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import type { Generation } from "../engine/core/units.ts";
import type { WriteRecord } from "../engine/journal/record.ts";
import { findLedger } from "../engine/replication/loss-ledger.ts";
import { type OldJournal, lostWrites, newestGeneration } from "../engine/replication/lost-writes.ts";
import type { Moment } from "../engine/replication/moment.ts";
import { pointBefore } from "../engine/replication/written.ts";
import { describeWrite } from "../engine/replication/write-line.ts";
import { Extraction } from "./extraction.ts";
import { type LostLine, LostRanges } from "./lost-ranges.ts";
import {
  SOURCE_HELP,
  SOURCE_OPTIONS,
  STATE_OPTIONS,
  checkState,
  momentFor,
  openMachine,
  openSource,
  sourceSchema,
  stateSchema,
  unwrapKey,
} from "./source.ts";
import { UsageError, parseOptions } from "./usage.ts";

export const help = `leeward lost --from URL|DIR [--cache URL|DIR] [--machine ID] (--job ID | --point ID | --at INSTANT | --sequence N)
             --key-file FILE [--extract DIR [--kept]]

Lists what the old side wrote after the state that a failover kept: every write with its disk, offset, length, number and
time, from the old journal: first what had arrived in the target, then what only the cache of the old region holds.

${SOURCE_HELP}
  --cache URL|DIR      the container "leeward" of the cache account in the old region, or a directory it was downloaded to;
                       without it only what had arrived is listed
  --job ID             the failover; or what it kept:
  --point ID|latest, --at INSTANT, --sequence N|latest
  --key-file FILE      the master key
  --extract DIR        writes lost.json, the list, and for each disk diskN.lost, a sparse image with the newest lost bytes at
                       their places
  --kept               with --extract: diskN.kept too, a sparse image with what was kept at the same places
  --json               print the list as JSON, one write on each line`;

const schema = z.object({
  ...sourceSchema,
  ...stateSchema,
  cache: z.string().min(1).optional(),
  job: z.string().transform(checked(operationId)).optional(),
  "key-file": z.string({ error: "is missing: the file of the master key" }).min(1),
  extract: z.string().min(1).optional(),
  kept: z.boolean().default(false),
});
type Options = z.infer<typeof schema>;

type Kept = Omit<Moment, "time" | "consistency" | "point">;

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  const text = { type: "string" } as const;
  const own = { cache: text, job: text, "key-file": text, extract: text, kept: { type: "boolean" } } as const;
  const options = parseOptions(args, { ...SOURCE_OPTIONS, ...STATE_OPTIONS, ...own }, schema);
  if (options.kept && options.extract === undefined) throw new UsageError("--kept: goes with --extract");
  if (options.job === undefined) checkState(options);
  const { objects, machine } = await openMachine(options);
  const cache = options.cache === undefined ? undefined : await openSource(options.cache);
  const key = await unwrapKey(objects, machine, options["key-file"]);
  const old = { objects, cache, key, machine };
  const kept = await keptBy(old, options);
  const lost = new LostRanges(options.json);
  const extraction = options.extract === undefined ? undefined : await Extraction.into(options.extract, kept);
  try {
    for await (const { place, after, writes } of lostWrites(
      old,
      kept,
      await newestGeneration(old, kept.generation),
    ))
      for (const write of writes) {
        signal.throwIfAborted();
        lost.take(lineOf(write, after.generation, place));
        await extraction?.take(write);
      }
    await extraction?.finish(lost.lines);
    if (options.kept) await extraction?.putKept(old, lost.ranges, signal);
  } finally {
    await extraction?.close();
  }
  if (!options.json)
    console.log(`${lost.summary}, after write ${kept.sequence} of generation ${kept.generation}`);
}

async function keptBy(old: OldJournal, options: Options): Promise<Kept> {
  const { machine } = old;
  const { job } = options;
  if (job === undefined) return momentFor(old, options);
  const ledger = await findLedger(old.objects, machine, job);
  if (!ledger)
    throw new LeewardError(
      "NotFound",
      `failover ${job} of machine ${machine} has no ledger yet: say what it kept`,
    );
  const point = await pointBefore(old.objects, { machine, ...ledger.kept });
  return { machine, ...ledger.kept, disks: point?.disks ?? [] };
}

const lineOf = (write: WriteRecord, generation: Generation, place: LostLine["place"]): LostLine => ({
  ...describeWrite(write),
  generation,
  place,
});
