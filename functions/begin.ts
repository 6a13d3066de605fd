import type { DurableClient } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, type MachineId, sameArmId } from "../engine/core/ids.ts";
import {
  type Asked,
  type Wish,
  beginDisable,
  beginEnable,
  beginFailover,
  jobOf,
} from "../engine/recovery/begin.ts";
import { type ItemRecord, type Removal, itemKey, itemKeyOf, lastSegment } from "../engine/recovery/item.ts";
import type { ItemJob } from "../engine/recovery/job.ts";
import { testJobOf } from "../engine/recovery/test-failover.ts";
import { type FailoverChoice, chosenFor } from "./failover-choice.ts";
import { ensureJob } from "./durable.ts";
import type { Wanted } from "./etag.ts";
import { findItem, lookUp } from "./find-item.ts";
import type { Services } from "./services.ts";

/**
 * Begins an enablement: the item's record first, which decides; then the job's record and its orchestration, which the
 * timer function makes up for should this process die between.
 */
export async function enable(
  services: Services,
  client: DurableClient,
  wish: Wish,
  asked: Asked,
): Promise<ItemRecord> {
  await checkUnprotected(services, wish);
  const known = (await lookUp(services, wish.id))?.value;
  const key = known ? itemKeyOf(known.machine) : itemKey(wish.id);
  const item = await services.records.items.upsert(key, (old) => beginEnable(old, wish, asked));
  await carryOn(services, client, item);
  return item;
}

/** Begins a failover, in the same order. @throws NotFound, NoRecoveryPoint, MomentUnreachable, PointBad, Conflict, StateNotAllowed: nothing changed */
export async function failOver(
  services: Services,
  client: DurableClient,
  id: ArmId,
  asked: Asked,
  choice: FailoverChoice,
): Promise<ItemRecord> {
  const known = await findItem(services, id);
  const chosen = await chosenFor(services, known, asked, choice);
  return beginJob(services, client, known, (old) => beginFailover(old, { ...asked, ...chosen }));
}

/**
 * Begins a job of an item that was found, in the same order.
 * @param begin the item once it has begun: the engine's, which decides
 * @param only the version of the item that the caller has seen
 * @throws PreconditionFailed, and what `begin` throws: nothing changed
 */
export async function beginJob(
  services: Services,
  client: DurableClient,
  { machine }: Pick<ItemRecord, "machine">,
  begin: (old: ItemRecord) => ItemRecord,
  only?: Wanted,
): Promise<ItemRecord> {
  const item = await services.records.items.update(itemKeyOf(machine), begin, only);
  await carryOn(services, client, item);
  return item;
}

/** Begins to take a protection away. @throws NotFound, PreconditionFailed, Conflict, StateNotAllowed: nothing changed */
export async function disable(
  services: Services,
  client: DurableClient,
  id: ArmId,
  asked: Asked,
  terms: Pick<Removal, "purge" | "keepPoints">,
  only?: Wanted,
): Promise<ItemRecord> {
  const known = await findItem(services, id);
  return beginJob(services, client, known, (old) => beginDisable(old, terms, asked), only);
}

/** Has the item's newest job run, and that of its test, if they have not ended. May run any number of times. */
export async function carryOn(services: Services, client: DurableClient, item: ItemRecord): Promise<void> {
  if (!item.job.ended) await carryOut(services, client, jobOf(item));
  if (item.test && !item.test.job.ended) await carryOut(services, client, testJobOf(item));
}

async function carryOut(services: Services, client: DurableClient, job: ItemJob): Promise<void> {
  await services.records.jobs.ensure(job.operation, job);
  await ensureJob(client, job);
}

/** @param but whose own item is no other one */
export async function checkUnprotected(
  { records }: Pick<Services, "records">,
  wish: Pick<Wish, "id" | "vmId">,
  but?: MachineId,
): Promise<void> {
  for await (const item of records.items.list())
    if (sameArmId(item.vmId, wish.vmId) && !sameArmId(item.id, wish.id) && item.machine !== but)
      throw new LeewardError("Conflict", `${lastSegment(wish.vmId)} is protected already, as ${item.id}`);
}
