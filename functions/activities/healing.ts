import type { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import type { PointPlace } from "../../engine/journal/names.ts";
import { everyDisk } from "../../engine/recovery/item.ts";
import { withHealed } from "../../engine/recovery/healing-record.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { goneAmong, heal, healAfter, whileHealing } from "../../engine/replication/heal.ts";
import type { Healed } from "../../engine/replication/pass-over.ts";
import { listPoints } from "../../engine/replication/points.ts";
import type { Services } from "../services.ts";
import { itemOf } from "./tools.ts";

export type HealServices = Pick<Services, "target" | "records" | "clock" | "keyOf">;

/**
 * Does the work, and where it meets an object that is damaged or gone heals what can be healed and does it again: so it may
 * run several times. What was healed is noted for the item's health.
 * @throws what the work throws when nothing was healed
 */
export const healing = <Result>(
  services: HealServices,
  machine: MachineId,
  work: () => Promise<Result>,
): Promise<Result> => whileHealing(work, (error) => healFor(services, machine, error));

/** Heals what can be healed of the machine's documents, and what the error is about. @throws storage errors */
export async function healFor(
  services: HealServices,
  machine: MachineId,
  error?: LeewardError,
): Promise<readonly Healed[]> {
  const { target: objects, clock } = services;
  const item = await itemOf(services, machine);
  const progress = (await services.records.progress.get(machine))?.value;
  if (!progress) return [];
  const { generation, next, chain } = progress.arrived;
  const request = {
    objects,
    key: await services.keyOf(machine),
    machine,
    names: new Map(item.source ? everyDisk(item).map(({ index, name }) => [index, name]) : []),
    made: madeIn(progress),
    newest: { generation, digest: next === 0 ? chain : progress.resync?.base?.digest },
    held: progress.seed ? [{ machine, ...progress.seed }] : [],
  };
  const healed = error ? await healAfter(error, request, clock.now()) : await heal(request);
  return noteHealed(services, machine, healed);
}

const madeIn = ({ machine, made = [] }: ProgressRecord): PointPlace[] =>
  made.map((point) => ({ machine, ...point }));

/**
 * The machine's points, ascending by generation, then by sequence. One whose manifest is gone is made again first: who
 * chooses among the others would take an older one, and say nothing.
 * Storage calls while all is well: two listings, one GET for each generation, and one of a record.
 * @throws as `heal`
 */
export async function listHealed(services: HealServices, machine: MachineId): Promise<PointPlace[]> {
  const { target: objects, records } = services;
  const there = await listPoints(objects, machine);
  const progress = (await records.progress.get(machine))?.value;
  const made = progress && madeIn(progress);
  const gone = await goneAmong({ objects, machine, ...(made && { made }) }, there);
  if (gone.length === 0) return there;
  await healFor(services, machine);
  return listPoints(objects, machine);
}

/** A person should hear that the storage lies. */
export async function noteHealed(
  { records, clock }: Pick<HealServices, "records" | "clock">,
  machine: MachineId,
  healed: readonly Healed[],
): Promise<readonly Healed[]> {
  const now = clock.now();
  if (healed.length > 0)
    await records.healing.upsert(machine, (old) => withHealed(old, machine, healed, now));
  return healed;
}
