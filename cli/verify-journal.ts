import { toIso } from "../engine/core/clock.ts";
import { BLOCK } from "../engine/core/units.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import type { DataKey } from "../engine/journal/key.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { type Blocks, countOf } from "../engine/replication/blocks.ts";
import type { Since } from "../engine/replication/digest-gathering.ts";
import { listPoints, readPointAt } from "../engine/replication/points.ts";
import { nameOf } from "../engine/replication/reach.ts";
import { verifyPoint } from "../engine/replication/verify-point.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { decidedBy } from "./exit-code.ts";
import { ProgressBar } from "./progress-bar.ts";
import { withScratch } from "./scratch.ts";

interface JournalVerification {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  /** All points when absent. */
  readonly only: RecoveryPoint | undefined;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** How one point came out. */
interface Finding {
  /** Its id, or the name of a manifest that cannot be read. */
  readonly point: string;
  readonly time: string | undefined;
  readonly verified: boolean;
  /** Blocks that were compared, and those that differ. */
  readonly compared: number;
  readonly wrong: readonly { readonly disk: number; readonly block: number }[];
  readonly wrongCount: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** How many blocks are named. */
export const MOST_NAMED = 20;

/**
 * Prints how each point came out as soon as it is known.
 * @throws PointBad when one is not what the source had; NotFound without points; what says nothing about the objects
 */
export async function verifyJournal(s: JournalVerification): Promise<void> {
  const findings: Finding[] = [];
  await withScratch(async (scratch) => {
    for await (const finding of findingsOf({ ...s, scratch })) {
      findings.push(finding);
      if (!s.json) console.log(lineOf(finding));
    }
  });
  if (findings.length === 0)
    throw new LeewardError("NotFound", `there is no recovery point of a machine ${s.machine}`);
  const bad = findings.filter(({ verified }) => !verified);
  if (s.json) console.log(JSON.stringify({ machine: s.machine, points: findings }));
  else if (bad.length === 0)
    console.log(`${findings.length} of ${findings.length} points are what the source had, block by block`);
  if (bad.length > 0)
    throw new LeewardError(
      "PointBad",
      `${bad.length} of ${findings.length} points are not what the source had`,
    );
}

type Scratched = JournalVerification & { readonly scratch: ObjectStore };

async function* findingsOf(s: Scratched): AsyncGenerator<Finding> {
  const { objects, machine, only } = s;
  if (only) {
    yield (await findingOf(s, only, undefined)).finding;
    return;
  }
  let since: (Since & { readonly generation: number }) | undefined;
  for (const place of await listPoints(objects, machine)) {
    const point = await readPointAt(objects, nameOf(place)).catch((error: unknown) =>
      failureOf(place.id, undefined, error),
    );
    if (!("machine" in point)) {
      yield point;
      continue;
    }
    const last = since?.generation === point.generation ? since : undefined;
    const { finding, next } = await findingOf(s, point, last);
    if (next) since = { ...next, generation: point.generation };
    yield finding;
  }
}

async function findingOf(
  { objects, key, signal, scratch }: Scratched,
  point: RecoveryPoint,
  since: Since | undefined,
): Promise<{ finding: Finding; next?: Since }> {
  const time = toIso(point.time);
  try {
    const gathering = new ProgressBar(`point ${point.id} digests`);
    const bar = new ProgressBar(`point ${point.id}`);
    const onRead = (read: number, all: number) => gathering.show(read, all, undefined);
    const onProgress = (done: number, all: number) => bar.show(done, all, done * BLOCK);
    const request = { objects, key, point, since, signal, scratch, onRead, onProgress };
    const { compared, wrong, scanned } = await verifyPoint(request).finally(() => bar.clear());
    const wrongCount = countOf(wrong);
    const verified = wrongCount === 0;
    const finding = {
      point: point.id,
      time,
      verified,
      compared,
      wrong: firstOf(wrong),
      wrongCount,
      error: undefined,
    };
    return { finding, ...(verified && { next: { id: point.id, scanned } }) };
  } catch (error) {
    signal.throwIfAborted();
    return { finding: failureOf(point.id, time, error) };
  }
}

/** @throws the error when it says nothing about the objects */
function failureOf(point: string, time: string | undefined, error: unknown): Finding {
  // The data key was unwrapped, so what it does not open was not sealed with it.
  if (!(error instanceof LeewardError) || !(decidedBy(error) || error.code === "KeyWrong")) throw error;
  const { code } = error;
  const message = messageOf(error);
  return { point, time, verified: false, compared: 0, wrong: [], wrongCount: 0, error: { code, message } };
}

function firstOf(wrong: Blocks): Finding["wrong"] {
  const found: { disk: number; block: number }[] = [];
  for (const [disk, set] of wrong)
    for (const { start, end } of set)
      for (let block = start; block < end && found.length < MOST_NAMED; block++) found.push({ disk, block });
  return found;
}

function lineOf({ point, time, verified, compared, wrong, wrongCount, error }: Finding): string {
  const head = `${verified ? "good" : "BAD "}  ${point}  ${time ?? ""}`.trimEnd();
  if (error) return `${head}  ${error.code}: ${error.message}`;
  if (verified) return `${head}  ${compared} blocks compared`;
  const named = wrong.map(({ disk, block }) => `disk ${disk} block ${block}`).join(", ");
  return `${head}  ${wrongCount} of ${compared} blocks differ: ${named}${wrongCount > wrong.length ? ", …" : ""}`;
}
