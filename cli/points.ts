import { z } from "zod";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import { mapInOrder } from "../engine/core/in-order.ts";
import type { Loss, RecoveryPoint } from "../engine/journal/manifest.ts";
import { pointName } from "../engine/journal/names.ts";
import { listPoints, readPointAt } from "../engine/replication/points.ts";
import { isByImages } from "../engine/replication/by-images.ts";
import { type Reach, groundsOf } from "../engine/replication/reach.ts";
import { SOURCE_HELP, SOURCE_OPTIONS, openMachine, sourceSchema } from "./source.ts";
import { parseOptions } from "./usage.ts";

export const help = `leeward points --from URL|DIR [--machine ID]

Lists the recovery points of a machine, newest last, with what each would lose, and between which writes every single
one can be restored to: "leeward restore --at" and "--sequence". Of a machine that is captured by images the points are
all that there is.

${SOURCE_HELP}
  --last N             only the newest N (default 20)
  --json               print them as JSON on standard output`;

const schema = z.object({
  ...sourceSchema,
  last: z.coerce.number().int().min(1).default(20),
});

const PARALLEL = 8;

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, { ...SOURCE_OPTIONS, last: { type: "string" } }, schema);
  const { last, json } = options;
  const { objects, machine } = await openMachine(options);
  const all = await listPoints(objects, machine);
  const points: RecoveryPoint[] = [];
  const reads = mapInOrder(all.slice(-last), PARALLEL, ({ generation, sequence, id }) =>
    readPointAt(objects, pointName(machine, generation, sequence, id)),
  );
  for await (const point of reads) points.push(point);
  const reaches: Reached[] = [];
  for (const ground of await groundsOf(objects, machine))
    reaches.push({ ...ground.reach, images: await isByImages(ground) });
  if (json) console.log(JSON.stringify({ points: points.map(inIso), reachable: reaches.map(plain) }));
  else for (const line of [...table(points, all.length), ...windows(reaches)]) console.log(line);
}

type Reached = Reach & { readonly images: boolean };

const inIso = <Dated extends { readonly time: Micros }>(dated: Dated) => ({
  ...dated,
  time: toIso(dated.time),
});

const plain = ({ generation, first, last, stop, images }: Reached) => ({
  generation,
  images,
  first: inIso(first),
  last: inIso(last),
  ...(stop !== undefined && { stop }),
});

function windows(reaches: readonly Reached[]): string[] {
  if (reaches.length === 0) return ["between points nothing can be restored"];
  return reaches.flatMap(({ generation, first, last, stop, images }) => [
    `${images ? "the images, and no write between two of them," : "any write"} from ${first.sequence} to ${last.sequence}, ${toIso(first.time)} to ${toIso(last.time)} (generation ${generation})`,
    ...(stop === undefined ? [] : [`  nothing behind that is read: ${stop}`]),
  ]);
}

/** Of a manifest that was made again from the journal nobody knows. */
const secondsOf = (loss: Loss | undefined): string => loss?.seconds.toFixed(1) ?? "-";

function table(points: readonly RecoveryPoint[], all: number): string[] {
  const lines = points.map(
    ({ id, time, consistency, spread, generation, sequence, losses }) =>
      `${id}  ${toIso(time)}  ${consistency.padEnd(11)}  ${String(generation).padStart(3)}  ${String(sequence).padStart(12)}` +
      `  ${secondsOf(losses?.vm).padStart(8)}  ${secondsOf(losses?.region).padStart(11)}` +
      (spread === undefined ? "" : `  disks within ${(spread / 1000).toFixed(1)} s`),
  );
  const heading = `${"point".padEnd(36)}  ${"time".padEnd(27)}  consistency  gen         write  VM loss s  region loss s`;
  return [heading, ...lines, `${points.length} of ${all} points`];
}
