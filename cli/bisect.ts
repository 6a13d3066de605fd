import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { checked } from "../engine/core/schema.ts";
import { MIB, type Bytes, millis } from "../engine/core/units.ts";
import {
  type Mark,
  fieldOf,
  groundOf,
  markOf,
  nextState,
  writeBetween,
} from "../engine/replication/bisection.ts";
import { type Moment, momentAfter } from "../engine/replication/moment.ts";
import { moveImages } from "../engine/replication/move.ts";
import { type Ground, groundsOf } from "../engine/replication/reach.ts";
import { changedImage } from "../engine/replication/raw-image.ts";
import type { Sink } from "../engine/replication/restore.ts";
import { describeWrite } from "../engine/replication/write-line.ts";
import { type BisectState, changesOf, readState, writeState } from "./bisect-state.ts";
import { passes } from "./probe.ts";
import {
  type KeyedSource,
  SOURCE_HELP,
  SOURCE_OPTIONS,
  momentFor,
  openMachine,
  parseState,
  sourceSchema,
  unwrapKey,
} from "./source.ts";
import { parseOptions } from "./usage.ts";

export const help = `leeward bisect --from URL|DIR [--machine ID] --key-file FILE --probe COMMAND --work DIR [--good S] [--bad S]

Finds the newest state of a machine's disks that a command finds good: first among its recovery points, then among the
single writes between two of them. The images in DIR are restored once; from then on only what differs is written, forward
and back. Everything before the last good state is taken to be good, and everything behind it to be bad.

The command is run by /bin/sh with the images as its arguments, disk 0 first; it also finds them in LEEWARD_DISK0, …, and the
state in LEEWARD_GENERATION, LEEWARD_SEQUENCE and LEEWARD_TIME. It passes with exit code 0. It should not write to the images:
one that does has them restored as a whole for the next step.

${SOURCE_HELP}
  --key-file FILE      the master key: 32 bytes, raw or in base64
  --probe COMMAND      the command
  --work DIR           for the images, and for how far it has come: run again with the same DIR, it goes on
  --good S, --bad S    a state that passes, and one that does not, which are then not tried: a point's id, a write's number, or
                       an instant (default: the oldest point and the newest write, which are tried first)
  --timeout SECONDS    a command that takes longer is killed and does not pass (default 600)
  --json               print the result as JSON on standard output`;

const state = z.string().transform(checked(parseState)).optional();
const schema = z.object({
  ...sourceSchema,
  "key-file": z.string({ error: "is missing: the file of the master key" }).min(1),
  probe: z.string({ error: "is missing: the command" }).min(1),
  work: z.string({ error: "is missing: a directory for the images" }).min(1),
  good: state,
  bad: state,
  timeout: z.coerce
    .number()
    .min(0.1)
    .max(86_400)
    .default(600)
    .transform((seconds) => millis(Math.ceil(seconds * 1000))),
});
type Options = z.infer<typeof schema>;

/** @throws UsageError, LeewardError */
export async function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  const text = { type: "string" } as const;
  const own = { "key-file": text, probe: text, work: text, good: text, bad: text, timeout: text };
  const options = parseOptions(args, { ...SOURCE_OPTIONS, ...own }, schema);
  const { objects, machine } = await openMachine(options);
  const source = { objects, machine, key: await unwrapKey(objects, machine, options["key-file"]) };
  await mkdir(options.work, { recursive: true });
  const bisect = await Bisect.begin(source, options, signal);
  const good = await bisect.search();
  await report(source, bisect, good, options.json);
}

class Bisect {
  readonly grounds: readonly Ground[];
  readonly #source: KeyedSource;
  readonly #options: Options;
  readonly #signal: AbortSignal;
  #state: BisectState;
  #held: Moment | undefined;

  static async begin(source: KeyedSource, options: Options, signal: AbortSignal): Promise<Bisect> {
    const { machine } = source;
    const { probe: command, work, good, bad } = options;
    const grounds = await groundsOf(source.objects, machine);
    if (grounds.length === 0)
      throw new LeewardError(
        "NotFound",
        `of machine ${machine} nothing but single recovery points can be restored`,
      );
    const known = await readState(work, { machine, command });
    const markFor = async (wanted: typeof good) => wanted && markOf(await momentFor(source, wanted));
    const given = { good: await markFor(good), bad: await markFor(bad) };
    const begun = known ?? { format: 1, machine, command, steps: 0, ...given };
    return new Bisect(source, options, signal, grounds, begun);
  }

  private constructor(
    source: KeyedSource,
    options: Options,
    signal: AbortSignal,
    grounds: readonly Ground[],
    begun: BisectState,
  ) {
    this.#source = source;
    this.#options = options;
    this.#signal = signal;
    this.grounds = grounds;
    this.#state = begun;
  }

  get steps(): number {
    return this.#state.steps;
  }

  /** The first state that is known not to pass; undefined when the newest one passes. */
  get bad(): Mark | undefined {
    return this.#state.bad;
  }

  /** The newest state that passes. @throws NoStatePasses */
  async search(): Promise<Moment> {
    const newest = this.grounds.at(-1)?.reach;
    const [oldest] = fieldOf(this.grounds).points;
    if (!oldest || !newest) throw new RangeError("nothing to search in");
    if (
      !this.#state.bad &&
      (await this.#try({ generation: newest.generation, sequence: newest.last.sequence }))
    )
      return this.#moment(this.#state.good ?? oldest);
    if (!this.#state.good && !(await this.#try(oldest)))
      throw new LeewardError("NoStatePasses", "the probe does not pass for the oldest recovery point either");
    for (;;) {
      const { good = oldest, bad = oldest } = this.#state;
      const next = await nextState(this.grounds, good, bad);
      if (!next) return this.#moment(good);
      await this.#try(next);
    }
  }

  async #moment(mark: Mark): Promise<Moment> {
    return momentAfter(groundOf(this.grounds, mark), this.#source.key, mark.sequence);
  }

  async #try(mark: Mark): Promise<boolean> {
    const { work, probe: command, timeout } = this.#options;
    const moment = await this.#moment(mark);
    const images = moment.disks.map(({ index }) => path.join(work, `disk${index}.img`));
    const written = await this.#move(moment, images);
    const good = await passes({ command, images, timeout, signal: this.#signal }, moment);
    const steps = this.#state.steps + 1;
    const changed = await changesOf(images);
    const untouched = isDeepStrictEqual(changed, this.#state.images?.changed);
    await this.#keep({
      ...this.#state,
      steps,
      [good ? "good" : "bad"]: mark,
      ...(!untouched && { images: undefined }),
    });
    if (!this.#options.json) console.log(stepLine(steps, moment, written, good, untouched));
    return good;
  }

  /** Brings the images to the state; their old one is forgotten first, so that a move that dies is not believed. */
  async #move(to: Moment, images: readonly string[]): Promise<Bytes> {
    const from = await this.#known(images);
    await this.#keep({ ...this.#state, images: undefined });
    const sinks = new Map<Moment["disks"][number]["index"], Sink>();
    try {
      for (const [n, { index, size }] of to.disks.entries())
        sinks.set(index, await changedImage(images[n] ?? "", size));
      const written = await moveImages({ ...this.#source, from, to, sinks, signal: this.#signal });
      for (const sink of sinks.values()) await sink.finish();
      await this.#keep({ ...this.#state, images: { at: markOf(to), changed: await changesOf(images) } });
      return written;
    } finally {
      for (const sink of sinks.values()) await sink.close();
    }
  }

  async #known(images: readonly string[]): Promise<Moment | undefined> {
    const { images: held } = this.#state;
    if (!held || !images.every((image) => existsSync(image))) return undefined;
    if (!isDeepStrictEqual(await changesOf(images), held.changed)) return undefined;
    if (!this.#held || !isDeepStrictEqual(markOf(this.#held), held.at))
      this.#held = await this.#moment(held.at);
    return this.#held;
  }

  async #keep(next: BisectState): Promise<void> {
    this.#state = next;
    await writeState(this.#options.work, next);
  }
}

const stepLine = (step: number, moment: Moment, written: Bytes, good: boolean, untouched: boolean): string =>
  `${String(step).padStart(3)}  ${moment.point ? "point" : "write"} ${String(moment.sequence).padEnd(12)} ${toIso(moment.time)}` +
  `  ${(written / MIB).toFixed(2).padStart(10)} MiB written  ${good ? "passes" : "does not pass"}` +
  (untouched ? "" : "  (the probe changed an image)");

async function report(source: KeyedSource, bisect: Bisect, good: Moment, json: boolean): Promise<void> {
  const { bad, steps } = bisect;
  const write = bad && (await writeBetween(bisect.grounds, source.key, good, bad));
  const culprit = write && describeWrite(write);
  const { generation, sequence, time, point } = good;
  if (json) {
    const state = { generation, sequence, time: toIso(time), point: point?.id ?? null };
    console.log(JSON.stringify({ good: state, bad: bad ?? null, firstBadWrite: culprit ?? null, steps }));
    return;
  }
  console.log(
    `The newest state that passes: ${point ? `point ${point.id}, ` : ""}write ${sequence} of generation ${generation}, ${toIso(time)}`,
  );
  if (culprit)
    console.log(
      `The first bad write: ${culprit.sequence}, ${culprit.time}, disk ${culprit.disk}, ${culprit.length} bytes at ${culprit.offset}` +
        (culprit.kind === "zero" ? " (zeros)" : ""),
    );
  else if (bad)
    console.log(
      `The oldest state known to be bad: write ${bad.sequence} of generation ${bad.generation}; single writes between are not kept`,
    );
  else console.log("It is the newest write that has arrived.");
}
