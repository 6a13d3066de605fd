import type { HandoverRequest, HandoverResponse } from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type Ordinal, ordinal } from "../engine/core/units.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import { type ItemRecord, endpointOf, targetOf } from "../engine/recovery/item.ts";
import { type LostRecord, lostFor } from "../engine/recovery/lost-record.ts";
import { STATES, isLeaving } from "../engine/recovery/state.ts";
import type { Services } from "./services.ts";

/**
 * Lets the agent of a machine that was failed over put what it still has into the cache, under the names of its own
 * generation, which nobody ships any more: it changes nothing but what is known of the loss. It is wanted until all was
 * read: a storage may have lost what it acknowledged when its region went down.
 * @throws StateNotAllowed while the machine is replicated; AgentFenced for a generation that is not over
 */
export async function handOver(
  services: Services,
  item: ItemRecord,
  { generation, captured, cached }: HandoverRequest,
): Promise<HandoverResponse> {
  const { machine, state, failover } = item;
  if (STATES[state].replicating)
    throw new LeewardError("StateNotAllowed", `machine ${machine} is ${state}: its agent is to register`);
  // Nothing of its journal is wanted any more, and nothing new is to come into a cache that is being emptied.
  if (isLeaving(state)) return { wanted: false };
  if (generation >= item.generation)
    throw new LeewardError(
      "AgentFenced",
      `generation ${generation} of machine ${machine} is not its agent's`,
    );
  let before: LostRecord | undefined;
  if (failover)
    await services.records.lost.upsert(machine, (old) => {
      before = old && lostFor(old, item);
      return withHandover(old);
    });
  const put = cached.sequence >= captured.sequence;
  const read = before?.until?.generation === generation ? before.until : undefined;
  if (put && read && read.sequence >= captured.sequence) return { wanted: false };
  return {
    wanted: true,
    ...(read && { read: read.next }),
    ...(put && wasLookedAt(before, captured.sequence) && { again: behind(read?.next) }),
    dataKey: dataKeyBytes(await services.keyOf(machine)).toString("base64"),
    cache: await services.cacheAccess(endpointOf(targetOf(item).cache)),
  };

  function withHandover(old: Parameters<typeof lostFor>[0]) {
    const known = lostFor(old, item);
    if (known.handover && known.handover.generation > generation) return known;
    const handover = {
      generation,
      captured: captured.sequence,
      capturedTime: captured.time,
      cached: cached.sequence,
      at: services.clock.now(),
    };
    return { ...known, handover };
  }
}

/** As many as an answer lists. */
const MOST_AGAIN = 16;

/** The old journal was read since the agent said that all of it is in the cache: what was not found there is lost again. */
const wasLookedAt = (record: LostRecord | undefined, captured: number): boolean =>
  record?.handover !== undefined &&
  record.handover.cached >= captured &&
  record.checkedAt > record.handover.at;

/** The agent leaves out those that it does not have. */
const behind = (next: Ordinal = ordinal(0)): Ordinal[] =>
  Array.from({ length: MOST_AGAIN }, (_, n) => ordinal(next + n));
