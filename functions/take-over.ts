import type { DurableClient } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { type OperationId, sameArmId } from "../engine/core/ids.ts";
import { findVirtualMachine, isOff } from "../engine/azure/virtual-machine.ts";
import { judge } from "../engine/eligibility/verdict.ts";
import { isError } from "../engine/recovery/findings.ts";
import { type ItemRecord, itemKey, itemKeyOf, lastSegment, sourceOf } from "../engine/recovery/item.ts";
import { operationOf, takeOver } from "../engine/recovery/reversal.ts";
import { copiedWhole, whyUnreadable } from "./activities/former-disks.ts";
import { carryOn, checkUnprotected } from "./begin.ts";
import { type TermsFound, termsOf } from "./reversal-target.ts";
import { receive } from "./reversal.ts";
import type { Services } from "./services.ts";
import { unsuitable } from "./source-disk.ts";
import { survey } from "./survey.ts";

/**
 * Whether this side could take the machine over. Reads Azure and records, and changes nothing.
 * @returns what it will have otherwise than before, in words
 * @throws InvalidRequest, Conflict, StateNotAllowed, SourceUnsuitable saying why it could not
 */
export async function plannedTakeOver(services: Services, given: ItemRecord): Promise<readonly string[]> {
  const own = await checked(services, given);
  if (isDone(own, given)) return own?.job.changes ?? [];
  const { terms, changes } = await termsFor(services, given);
  takeOver(own, given, { ...terms, now: services.clock.now() });
  return changes;
}

/** Takes the machine over, once however often it is asked to, and begins to protect it from here. @throws as `plannedTakeOver` */
export async function takeMachineOver(
  services: Services,
  client: DurableClient,
  given: ItemRecord,
): Promise<OperationId> {
  const { records } = services;
  const operation = operationOf(given);
  const own = await checked(services, given);
  if (own && isDone(own, given)) {
    await carryOn(services, client, own);
    return operation;
  }
  const { terms, changes } = await termsFor(services, given);
  await ensureAlias({ records }, given);
  await carryOn(services, client, await receive(services, given, { ...terms, changes }));
  return operation;
}

const isDone = (own: ItemRecord | undefined, { reversal }: ItemRecord): boolean =>
  own !== undefined && reversal !== undefined && own.generation >= reversal.generation;

/** What this side has of the machine, if that is no hindrance. */
async function checked(services: Services, given: ItemRecord): Promise<ItemRecord | undefined> {
  const { reversal, machine } = given;
  const { region } = services.settings;
  if (!reversal) throw new LeewardError("InvalidRequest", `given: ${machine} was not given away`);
  if (reversal.to !== region)
    throw new LeewardError(
      "InvalidRequest",
      `given: ${machine} goes to ${reversal.to}, and this app is in ${region}: see LEEWARD_PEER_URL of the other one`,
    );
  const own = (await services.records.items.get(itemKeyOf(machine)))?.value;
  if (own && own.machine !== machine)
    throw new LeewardError("Conflict", `${machine} cannot be told from ${own.machine} here`);
  return own;
}

/** With all that an enablement looks at. */
async function termsFor(services: Services, given: ItemRecord): Promise<TermsFound> {
  const found = await termsOf(services, given);
  const { vmId = given.vmId, request = given.request } = found.terms;
  await checkUnprotected(services, { id: given.reversal?.id ?? given.id, vmId }, given.machine);
  const { capture, replica } = given.reversal?.asked?.policy ?? given.policy;
  const verdict = judge(await survey(services, { vmId, request, warm: replica === "warm", capture }));
  const errors = verdict.filter(isError).map(({ code, message }) => `${code}: ${message}`);
  if (errors.length > 0) throw unsuitable(`${vmId} cannot be protected: ${errors.join("; ")}`);
  return { ...found, changes: [...found.changes, ...(await formerly(services, given))] };
}

/** What becomes of the machine that it was, and of its disks. */
async function formerly(services: Services, given: ItemRecord): Promise<string[]> {
  const machine = await findVirtualMachine(services.arm, given.vmId);
  const runs = machine && !isOff(machine);
  const disks = await Promise.all(sourceOf(given).disks.map((disk) => whyUnreadable(services, disk)));
  return [
    ...(runs ? [`${lastSegment(given.vmId)} runs in ${services.settings.region}, and is shut down`] : []),
    ...copiedWhole(disks),
  ];
}

/** Before the record that it leads to: without one it leads nowhere. */
async function ensureAlias(
  { records }: Pick<Services, "records">,
  { reversal, machine, id: former }: ItemRecord,
): Promise<void> {
  const id = reversal?.id ?? former;
  const key = itemKey(id);
  if (key === itemKeyOf(machine)) return;
  await records.aliases.upsert(key, (old) => {
    // Of a machine whose protection was taken away it leads nowhere any more.
    if (old && !sameArmId(old.id, id))
      throw new LeewardError("Conflict", `${id} cannot be told from ${old.id}: choose another container`);
    return old?.machine === machine ? old : { format: 1, id, machine };
  });
}
