import { type ErrorCode, LeewardError } from "../../engine/core/errors.ts";
import { type Ordinal, ordinal } from "../../engine/core/units.ts";
import { follow } from "../../engine/journal/chain.ts";
import { journalPrefix, parseSegmentName, segmentName } from "../../engine/journal/names.ts";
import type { AgentRecord } from "../../engine/recovery/agent-record.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { withWanted } from "../../engine/recovery/replicating.ts";
import { adopt } from "../../engine/replication/adopt.ts";
import { fetchPack } from "../../engine/replication/pack.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import { endGeneration } from "../generations.ts";
import type { Services } from "../services.ts";

/** Where shipping stands. */
interface Place {
  readonly cache: ObjectStore;
  readonly item: ItemRecord;
  readonly progress: ProgressRecord;
}

/** With what is known of the agent, read before the cache is: what it says is in the cache must be found there. */
interface Heard extends Place {
  readonly agent: AgentRecord | undefined;
}

/** Asked for at once. */
const MOST = 16;
/** A storage may show what it holds late: only what it lacks for so long is given up, in microseconds. */
const PATIENCE = 60e6;

type MendServices = Pick<Services, "target" | "records" | "clock">;

/**
 * The next segment cannot be shipped. What is spoiled in the cache and still with the agent is taken away, so that the
 * agent can put it there again: it may create and never overwrite. That a late run takes the new one away as well does
 * no harm, since the agent keeps it until it has arrived.
 * @throws always: SegmentAwaited while there is hope, StorageUnavailable when it was spoiled on its way only, the error
 *   itself when it is of another kind
 */
export async function mend(services: MendServices, place: Place, error: unknown): Promise<never> {
  if (!(error instanceof LeewardError) || !DAMAGE.has(error.code)) throw error;
  const { cache, item, progress } = place;
  const { generation, next } = progress.arrived;
  const heard = await hear(services, place);
  if (await isWhole(cache, item, progress)) {
    const there = await adopt(services.target, item.machine, progress.arrived);
    if (there) throw error;
    throw new LeewardError("StorageUnavailable", `${error.message}; read again, it is whole`, error);
  }
  if (isKept(heard, next)) await cache.delete([segmentName(item.machine, generation, next)]);
  return wanting(services, heard, [next], error);
}

/**
 * Nothing was found where the journal goes on. That is its end, unless the agent says that it is in the cache.
 * @throws as `mend`
 */
export async function checkHole(services: MendServices, place: Place): Promise<void> {
  const { item, progress } = place;
  const { generation, next } = progress.arrived;
  const heard = await hear(services, place);
  const beat = heard.agent?.heartbeat;
  if (beat?.generation !== generation || beat.cachedNext <= next) return;
  const missing = await missingFrom(place, beat.cachedNext);
  // It came, or another run has carried it on.
  if (missing[0] !== next) return;
  const hole = new LeewardError(
    "SegmentMissing",
    `the cache has lost ${segmentName(item.machine, generation, next)}, which the agent put there`,
  );
  await wanting(services, heard, missing, hole);
}

async function hear({ records }: MendServices, place: Place): Promise<Heard> {
  return { ...place, agent: (await records.agents.get(place.item.machine))?.value };
}

const DAMAGE: ReadonlySet<ErrorCode> = new Set(["SegmentDamaged", "ChainBroken"]);

/** Whether the cache's next segment is one, and the one that follows. A segment that is gone is not. */
async function isWhole(cache: ObjectStore, { machine }: ItemRecord, { arrived }: ProgressRecord) {
  try {
    const pack = await fetchPack(cache, { machine, generation: arrived.generation, first: arrived.next });
    const [segment] = pack?.segments ?? [];
    return segment !== undefined && follow(machine, arrived, segment) !== undefined;
  } catch (error) {
    if (error instanceof LeewardError && DAMAGE.has(error.code)) return false;
    throw error;
  }
}

function isKept({ agent, progress }: Heard, wanted: Ordinal): boolean {
  const beat = agent?.heartbeat;
  return (
    beat?.generation === progress.arrived.generation &&
    beat.keptFrom !== undefined &&
    beat.keptFrom <= wanted &&
    wanted < beat.cachedNext
  );
}

/** Asks the agent; ends the generation where the agent has said since that it has not got it. */
async function wanting(
  { records, clock }: MendServices,
  heard: Heard,
  ordinals: readonly Ordinal[],
  error: LeewardError,
): Promise<never> {
  const { item, progress, agent } = heard;
  const { arrived } = progress;
  const now = clock.now();
  const { wanted } = await records.progress.update(item.machine, (old) =>
    withWanted(old, arrived, ordinals, now),
  );
  const since = wanted?.since ?? now;
  const saidSince = (agent?.heardAt ?? 0) > since + PATIENCE;
  if (saidSince && !isKept(heard, arrived.next)) {
    await endGeneration({ records, clock }, item, "continuity");
    throw error;
  }
  throw new LeewardError("SegmentAwaited", `${error.message}; the agent is asked to send it again`, error);
}

/** Of the ordinals from `arrived` on, those that the cache does not list. */
async function missingFrom({ cache, item, progress }: Place, end: Ordinal): Promise<Ordinal[]> {
  const { generation, next } = progress.arrived;
  const there = new Set<number>();
  for await (const { name } of cache.list(journalPrefix(item.machine, generation)))
    there.add(parseSegmentName(name)?.ordinal ?? -1);
  const missing: Ordinal[] = [];
  for (let n: number = next; n < end && missing.length < MOST; n++)
    if (!there.has(n)) missing.push(ordinal(n));
  return missing;
}
