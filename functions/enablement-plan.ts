import { z } from "zod";
import type { ArmClient } from "../engine/azure/arm.ts";
import { parsed } from "../engine/azure/arm-failure.ts";
import { getVirtualNetwork } from "../engine/azure/network.ts";
import { getSecurityGroup, groupsIn } from "../engine/azure/security-group.ts";
import { prefixesOf, subnet } from "../engine/azure/subnet.ts";
import { type ArmId, armId, resourceTypeOf, sameArmId } from "../engine/core/ids.ts";
import type { Present } from "../engine/recovery/copy-name.ts";
import {
  type EnablementPlan,
  type SourceNetwork,
  planEnablement,
} from "../engine/recovery/enablement-plan.ts";
import type { ItemRecord, SourceMachine } from "../engine/recovery/item.ts";
import { mappingKey } from "../engine/recovery/network-mapping.ts";
import type { PlannedResource } from "../engine/recovery/plan-record.ts";
import { isReserved } from "../engine/recovery/reserved-subnet.ts";
import type { Services } from "./services.ts";

/**
 * Plans with what there is now. The plan asks for what it needs to know, so it is made again until it asks for nothing
 * more: mostly two or three times. Reads only.
 * @param before what an earlier try of the same enablement planned
 */
export async function planFor(
  { arm, records, settings }: Pick<Services, "arm" | "records" | "settings">,
  item: Pick<ItemRecord, "vmId" | "request" | "policy">,
  source: SourceMachine,
  before?: readonly PlannedResource[],
): Promise<EnablementPlan> {
  const ids = source.nics.flatMap(({ network }) => network ?? []);
  const networks = await Promise.all(distinct(ids).map(async (id) => readNetwork(arm, id)));
  const there = asking((id) => readPresent(arm, id));
  const rows = asking(async (id) => {
    const row = (await records.mappings.get(mappingKey(id)))?.value;
    return row && sameArmId(row.source, id) ? row : undefined;
  });
  const named = asking(async (id) => groupsIn((await getSecurityGroup(arm, id)).properties.securityRules));
  for (;;) {
    const plan = planEnablement({
      item,
      source,
      region: settings.region,
      rolesFor: settings.rolesFor,
      before,
      networks,
      mapping: (id) => rows.known(id),
      there: (id) => there.known(id),
      named: (id) => named.known(id) ?? [],
    });
    const answered = [await there.answer(), await rows.answer(), await named.answer()];
    if (!answered.includes(true)) return plan;
  }
}

/** Notes what is asked for and not known, to find it out all together. */
export function asking<Value>(read: (id: ArmId) => Promise<Value>) {
  const found = new Map<string, Value>();
  const open = new Map<string, ArmId>();
  return {
    known: (id: ArmId): Value | undefined => {
      const key = id.toLowerCase();
      if (!found.has(key)) open.set(key, id);
      return found.get(key);
    },
    /** Whether anything was asked for. */
    async answer(): Promise<boolean> {
      const asked = [...open];
      open.clear();
      await Promise.all(asked.map(async ([key, id]) => found.set(key, await read(id))));
      return asked.length > 0;
    },
  };
}

async function readNetwork(arm: ArmClient, id: ArmId): Promise<SourceNetwork> {
  const { subnets, addressSpace } = (await getVirtualNetwork(arm, id)).properties;
  return {
    id,
    addressPrefixes: addressSpace.addressPrefixes,
    subnets: subnets
      .filter(({ name }) => !isReserved(name))
      .map(({ name, properties: { networkSecurityGroup: rules, ...properties } }) => ({
        name,
        prefixes: prefixesOf({ properties }),
        ...(rules && { networkSecurityGroup: armId(rules.id) }),
      })),
  };
}

const present = z.object({
  location: z.string().optional(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z
    .object({
      proximityPlacementGroup: z.object({ id: z.string().transform(armId) }).nullish(),
    })
    .nullish(),
});

export async function readPresent(arm: ArmClient, id: ArmId): Promise<Present | undefined> {
  const body = await arm.find(id);
  if (body === undefined) return undefined;
  const { location, tags, properties } = parsed(present, body, id);
  const found = isNetwork(id) ? parsed(network, body, id).properties : undefined;
  return {
    tags: tags ?? {},
    ...(location !== undefined && { location }),
    ...(properties?.proximityPlacementGroup && { proximityGroup: properties.proximityPlacementGroup.id }),
    ...(found && { subnets: subnetsIn(found), space: spaceOf(found) }),
  };
}

const isNetwork = (id: ArmId): boolean =>
  resourceTypeOf(id).toLowerCase() === "microsoft.network/virtualnetworks";

const network = z.object({
  properties: z.object({
    addressSpace: z.object({ addressPrefixes: z.array(z.string()) }),
    subnets: z
      .array(subnet)
      .nullish()
      .transform((found) => found ?? []),
  }),
});
type FoundNetwork = z.infer<typeof network>["properties"];

/** Rules that subnets use list them as well, by their ids alone. */
const subnetsIn = ({ subnets }: FoundNetwork): string[] =>
  subnets
    .filter((one) => !isReserved(one.name) && one.properties.delegations.length === 0)
    .map(({ name }) => name);

const spaceOf = ({ addressSpace, subnets }: FoundNetwork) => ({
  addressPrefixes: addressSpace.addressPrefixes,
  subnetNames: subnets.map(({ name }) => name),
});

const distinct = (ids: readonly ArmId[]): ArmId[] => [
  ...new Map(ids.map((id) => [id.toLowerCase(), id])).values(),
];
