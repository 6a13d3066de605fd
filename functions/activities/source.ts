import { hasCode } from "../../engine/core/errors.ts";
import { sameArmId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import { type ItemRecord, type SourceMachine, itemKeyOf } from "../../engine/recovery/item.ts";
import { shapeOf } from "../../engine/eligibility/alternatives.ts";
import { judge } from "../../engine/eligibility/verdict.ts";
import { isError } from "../../engine/recovery/findings.ts";
import { targetOfRequest } from "../../engine/recovery/target-names.ts";
import type { EnablementPlan } from "../../engine/recovery/enablement-plan.ts";
import {
  type NetworkMapping,
  mappingKey,
  wayBack,
  withMapping,
} from "../../engine/recovery/network-mapping.ts";
import type { PlanRecord } from "../../engine/recovery/plan-record.ts";
import { planFor } from "../enablement-plan.ts";
import { unsuitable } from "../source-disk.ts";
import { readSource } from "../source-machine.ts";
import type { Services } from "../services.ts";
import { survey } from "../survey.ts";
import { checkNotRemoved } from "./shared-use.ts";
import { bootDiagnosticsIn } from "../target-placement.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const sourceActivities = {
  async checkSource({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { source, target, networks, securityGroups, applicationGroups } = await settlePlan(services, item);
    await checkNotRemoved(services, await itemOf(services, machine));
    return {
      capture: item.policy.capture,
      warm: item.policy.replica === "warm",
      availabilitySet: target.availabilitySet !== undefined,
      disks: source.disks.length,
      bytes: bytes(source.disks.reduce((sum, disk) => sum + disk.size, 0)),
      networks: networks.length,
      securityGroups: securityGroups.length,
      applicationGroups: applicationGroups.length,
      ...(services.settings.rolesFor !== undefined && { roles: true }),
    };
  },
} satisfies Partial<Implementations>;

/** Reads the source, decides, and writes down what was decided: the steps that follow carry it out. @throws SourceUnsuitable */
export async function settlePlan(services: Services, item: ItemRecord) {
  const read = await readSource(services, item);
  if (sameArmId(targetOfRequest(item, read, services.settings.region).vm, item.vmId))
    throw unsuitable(`${item.vmId} cannot be built again in its own resource group: name another one`);
  await refuseIneligible(services, item);
  const source = { ...read, shape: await shapeIn(services, read.vmSize) };
  const plan = await settled(services, item, source);
  const { machine } = item;
  const { resources, networks, securityGroups, applicationGroups } = plan;
  const target = { ...plan.target, ...(await diagnosticsOf(services, item)) };
  const record = { format: 1, machine, resources, networks, securityGroups, applicationGroups } as const;
  await services.records.plans.upsert(machine, () => record);
  await services.records.items.update(itemKeyOf(machine), (old) => ({ ...old, source, target }));
  return { source, target, ...record };
}

/** Where boot diagnostics go, as it has to be said to Azure. */
async function diagnosticsOf(services: Services, { request }: ItemRecord) {
  const { bootDiagnosticsAccount: id } = request;
  return id ? bootDiagnosticsIn(services, id) : {};
}

/** Two enablements may come to one network, or to one name, at the same time: the first row decides for both. */
async function settled(services: Services, item: ItemRecord, source: SourceMachine): Promise<EnablementPlan> {
  const before = (await services.records.plans.get(item.machine))?.value.resources;
  for (;;) {
    const plan = await planFor(services, item, source, before);
    if (plan.problems.length > 0)
      throw unsuitable(`${item.vmId} cannot be protected: ${plan.problems.join("; ")}`);
    const lost = await Promise.all(plan.mappings.map(async (row) => wasFirst(services, row)));
    if (!lost.includes(false)) return plan;
  }
}

/**
 * Whether the row stands. That of the way back is written first where enablement chose the name, since it says whose copy
 * the network of this name is: networks of one name may be copied into one group at the same time.
 */
async function wasFirst({ records }: Services, row: NetworkMapping): Promise<boolean> {
  const back = wayBack(row);
  const put = (one: NetworkMapping) =>
    records.mappings.upsert(mappingKey(one.source), (old) => withMapping(old, one));
  if (row.by === "enablement" && !sameArmId((await put(back)).target, row.source)) return false;
  const kept = await put(row);
  if (kept === row) await put(back);
  return kept === row;
}

/** As it was settled; an enablement that an older version began has none yet. */
export async function planOf(services: Services, item: ItemRecord): Promise<PlanRecord> {
  return (await services.records.plans.get(item.machine))?.value ?? settlePlan(services, item);
}

/** The verdict of before may be old, and nobody need have asked for it. @throws SourceUnsuitable with every error */
async function refuseIneligible(services: Services, { vmId, request, policy }: ItemRecord): Promise<void> {
  const found = judge(
    await survey(services, { vmId, request, warm: policy.replica === "warm", capture: policy.capture }),
  );
  const said = found.filter(isError).map(({ code, message }) => `${code}: ${message}`);
  if (said.length > 0) throw unsuitable(`${vmId} cannot be protected: ${said.join("; ")}`);
}

/** What the size is like, as long as the target region knows it. A size is the same in every region. */
async function shapeIn({ offerOf, settings }: Services, size: string): Promise<SourceMachine["shape"]> {
  try {
    const offer = await offerOf(settings.subscription, settings.region);
    const found = offer.sizes.get(size.toLowerCase());
    return found && shapeOf(found);
  } catch (error) {
    // Only used to tell which other sizes are like it.
    if (hasCode(error, "ArmFailed")) return undefined;
    throw error;
  }
}
