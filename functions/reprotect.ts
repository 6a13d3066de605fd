import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../engine/core/ids.ts";
import { containerOf } from "../engine/recovery/fabric.ts";
import { type ItemRecord, itemKeyOf, lastSegment, sourceOf } from "../engine/recovery/item.ts";
import { takeOverPlan, takenOver } from "../engine/recovery/peer-call.ts";
import { acknowledged, beginReversal } from "../engine/recovery/reversal.ts";
import type { ReversalWish } from "../engine/recovery/reversal-record.ts";
import { STATES } from "../engine/recovery/state.ts";
import { leaveGroup } from "./membership.ts";
import { peerOf } from "./peer.ts";
import { giveAway, turnFor } from "./reversal.ts";
import type { Services } from "./services.ts";

type Giving = Pick<Services, "records" | "clock" | "peer">;

/**
 * Gives a machine that was failed over to the app of the region that it came from. That one is asked first whether it could take
 * it: whatever it refuses has changed nothing. From the write on that gives the machine away there is only the way forward, which
 * the same request, or the timer, goes on with.
 * @returns the item as it is here then, with its new id and the job over there
 * @throws Conflict, StateNotAllowed, PeerUnreachable, PeerRefused, and what the other side refuses it for
 */
export async function turnRound(
  services: Giving,
  item: ItemRecord,
  asked: ReversalWish,
): Promise<ItemRecord> {
  const peer = peerOf(services);
  checkState(item);
  if (item.state === "Reversed") return handOver(services, item);
  const { failover, machine } = item;
  if (!failover) throw new LeewardError("StateNotAllowed", `${lastSegment(item.id)} was not failed over`);
  const wanted = {
    failover: failover.operation,
    to: sourceOf(item).region,
    id: newIdOf(item),
    asked,
  };
  const dry = beginReversal(item, await turnFor(services, machine, wanted));
  await peer.call("takeOver", { given: dry, dryRun: true }, takeOverPlan);
  return handOver(services, await giveAway(services, machine, wanted));
}

/** Has the other side take over what was given to it. May run any number of times. */
async function handOver(services: Giving, given: ItemRecord): Promise<ItemRecord> {
  if (given.reversal?.operation !== undefined) return given;
  const { operation } = await peerOf(services).call("takeOver", { given, dryRun: false }, takenOver);
  // It is in no group over there, and takes part in nothing here: before it is said to be over there, so that a death repeats it.
  await leaveGroup(services, given);
  return services.records.items.update(itemKeyOf(given.machine), (old) =>
    old.generation === given.generation ? acknowledged(old, operation) : old,
  );
}

/** What a process gave away that died before it was taken. @throws as `handOver` */
export async function tendGiven(services: Giving, item: ItemRecord): Promise<void> {
  if (item.state !== "Reversed" || item.reversal?.operation !== undefined || !services.peer) return;
  // Older ones were never given to an app.
  if (item.reversal?.asked) await handOver(services, item);
}

/** The container that it goes back to, unless another one is named, is the one that it is in now. */
export function recoveryContainerFor(item: ItemRecord, named: string | undefined): ArmId {
  if (named === undefined) return containerAbove(item.id);
  const found = containerId.safeParse(named);
  if (found.success) return found.data;
  throw new LeewardError(
    "InvalidRequest",
    "properties.providerSpecificDetails.recoveryContainerId: not the id of a protection container",
  );
}

const containerId = z
  .string()
  .regex(/^\/subscriptions\/[^/?#\s]+(?:\/[^/?#]+)+\/replicationProtectionContainers\/[^/?#]+$/i)
  .transform(armId);

/** In the container of the region that it runs in now; where nobody has named that, its id stays as it is. */
function newIdOf({ id, recoveryContainerId }: ItemRecord): ArmId {
  const container = containerId.safeParse(recoveryContainerId);
  const at = container.success ? container.data : containerAbove(id);
  return sameArmId(at, containerAbove(id)) ? id : armId(`${at}/replicationProtectedItems/${lastSegment(id)}`);
}

const containerAbove = (id: ArmId): ArmId => containerOf(id) ?? id;

function checkState({ id, state, job }: ItemRecord): void {
  const name = lastSegment(id);
  if (STATES[state].busy)
    throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (!STATES[state].allowed.includes("SwitchProtection"))
    throw new LeewardError("StateNotAllowed", `${name} is ${state}: SwitchProtection is not possible`);
}
