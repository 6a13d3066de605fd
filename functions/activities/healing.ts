import type { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { withHealed } from "../../engine/recovery/healing-record.ts";
import { heal, healAfter, whileHealing } from "../../engine/replication/heal.ts";
import type { Healed } from "../../engine/replication/pass-over.ts";
import type { Services } from "../services.ts";
import { itemOf } from "./tools.ts";

type HealServices = Pick<Services, "target" | "records" | "clock" | "keyOf">;

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
  const { source } = await itemOf(services, machine);
  const progress = (await services.records.progress.get(machine))?.value;
  if (!progress) return [];
  const { generation, next, chain } = progress.arrived;
  const request = {
    objects,
    key: await services.keyOf(machine),
    machine,
    names: new Map(source?.disks.map(({ index, name }) => [index, name])),
    made: progress.made?.map((point) => ({ machine, ...point })) ?? [],
    newest: next === 0 ? { generation, digest: chain } : undefined,
  };
  const healed = error ? await healAfter(error, request, clock.now()) : await heal(request);
  return noteHealed(services, machine, healed);
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
