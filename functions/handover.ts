import type { HandoverRequest, HandoverResponse } from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import { type ItemRecord, endpointOf, targetOf } from "../engine/recovery/item.ts";
import { lostFor } from "../engine/recovery/lost-record.ts";
import { STATES } from "../engine/recovery/state.ts";
import type { Services } from "./services.ts";

/**
 * Lets the agent of a machine that was failed over put what it still has into the cache, under the names of its own
 * generation, which nobody ships any more: it changes nothing but what is known of the loss.
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
  if (generation >= item.generation)
    throw new LeewardError(
      "AgentFenced",
      `generation ${generation} of machine ${machine} is not its agent's`,
    );
  if (failover) await services.records.lost.upsert(machine, (old) => withHandover(old));
  if (cached.sequence >= captured.sequence) return { wanted: false };
  return {
    wanted: true,
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
