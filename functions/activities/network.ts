import { enlargeNetwork } from "../../engine/azure/address-space.ts";
import {
  type VirtualNetwork,
  ensureVirtualNetwork,
  findVirtualNetwork,
  getVirtualNetwork,
} from "../../engine/azure/network.ts";
import {
  ensureApplicationGroup,
  ensureSecurityGroup,
  getSecurityGroup,
} from "../../engine/azure/security-group.ts";
import {
  type Subnet,
  type SubnetSpec,
  addSubnet,
  likeSubnet,
  prefixesOf,
} from "../../engine/azure/subnet.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { sameArmId } from "../../engine/core/ids.ts";
import { isOwned } from "../../engine/core/owner.ts";
import { KINDS, copyOwner } from "../../engine/recovery/copy-name.ts";
import { targetOf } from "../../engine/recovery/item.ts";
import { lackingIn } from "../../engine/recovery/network-room.ts";
import type { Copy, PlanRecord, PlannedNetwork } from "../../engine/recovery/plan-record.ts";
import { isReserved } from "../../engine/recovery/reserved-subnet.ts";
import type { Services } from "../services.ts";
import { underAnotherName } from "./another-name.ts";
import { planOf } from "./source.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";

/** The network and its rules, as the plan has them. */
export const networkActivities = {
  async createApplicationGroup({ machine, at }, { services }) {
    return underAnotherName(services, machine, async (item) => {
      const { from, id } = copyAt((await planOf(services, item)).applicationGroups, at);
      const owner = copyOwner(KINDS.applicationGroup, from);
      return sent(await ensureApplicationGroup(services.arm, { id, location: targetOf(item).region, owner }));
    });
  },

  async createSecurityGroup({ machine, at }, { services }) {
    return underAnotherName(services, machine, async (item) => {
      const { securityGroups, applicationGroups } = await planOf(services, item);
      const { from, id } = copyAt(securityGroups, at);
      const { securityRules } = (await getSecurityGroup(services.arm, from)).properties;
      return sent(
        await ensureSecurityGroup(services.arm, {
          id,
          location: targetOf(item).region,
          rules: securityRules,
          instead: (named) => applicationGroups.find((copy) => sameArmId(copy.from, named))?.id,
          owner: copyOwner(KINDS.securityGroup, from),
        }),
      );
    });
  },

  async createNetwork({ machine, network = 0 }, { services }) {
    const plan = await planOf(services, await itemOf(services, machine));
    const wanted = plan.networks[network];
    if (!wanted) throw new LeewardError("NotFound", `machine ${machine} has no network ${network}`);
    const found = await findVirtualNetwork(services.arm, wanted.id);
    if (wanted.how === "named") {
      if (found) return {};
      throw new LeewardError("SourceUnsuitable", `there is no virtual network ${wanted.id}`);
    }
    const { region } = targetOf(await itemOf(services, machine));
    return found ? complete(services, plan, wanted, found) : make(services, plan, wanted, region);
  },
} satisfies Partial<Implementations>;

/** All subnets with all that they have in one write: a later one that leaves some out would ask Azure to delete them. */
async function make({ arm }: Services, plan: PlanRecord, { from, id }: PlannedNetwork, location: string) {
  const { properties: p } = await getVirtualNetwork(arm, from);
  const dnsServers = p.dhcpOptions?.dnsServers ?? [];
  const spec = {
    id,
    location,
    owner: copyOwner(KINDS.network, from),
    addressPrefixes: p.addressSpace.addressPrefixes,
    subnets: p.subnets.filter(({ name }) => !isReserved(name)).map((one) => like(one, plan)),
    ...(dnsServers.length > 0 && { dnsServers }),
  };
  return sent(await ensureVirtualNetwork(arm, spec));
}

/**
 * One that is there is never made again: others may have added to it. What this machine's NICs need and it lacks is added,
 * room for subnets first, then subnet by subnet.
 */
async function complete(services: Services, plan: PlanRecord, wanted: PlannedNetwork, found: VirtualNetwork) {
  const { arm } = services;
  const state = found.properties.provisioningState;
  if (!isOwned(found.tags, copyOwner(KINDS.network, wanted.from)))
    throw new LeewardError("ForeignResource", `${wanted.id} exists without Leeward's tags`);
  const source = await getVirtualNetwork(arm, wanted.from);
  const lacks = (name: string, { properties }: VirtualNetwork) =>
    !properties.subnets.some((one) => one.name.toLowerCase() === name.toLowerCase());
  if (["Failed", "Canceled"].includes(state)) {
    const others = found.properties.subnets.filter(({ name }) => lacks(name, source));
    if (others.length === 0) return make(services, plan, wanted, found.location);
    const names = others.map(({ name }) => name).join(", ");
    throw new LeewardError(
      "ForeignResource",
      `${wanted.id} is ${state}, and it has subnets that are not Leeward's (${names}): mend it and try again`,
    );
  }
  if (state === "Deleting") throw new LeewardError("ArmUnavailable", `${wanted.id} is being deleted`);
  if (state !== "Succeeded") return { operation: arm.watch(wanted.id), more: true };
  const lacking = lackingIn(
    {
      addressPrefixes: found.properties.addressSpace.addressPrefixes,
      subnetNames: found.properties.subnets.map(({ name }) => name),
    },
    {
      addressPrefixes: source.properties.addressSpace.addressPrefixes,
      subnets: source.properties.subnets.map((one) => ({ name: one.name, prefixes: prefixesOf(one) })),
    },
    Object.values(wanted.subnets),
  );
  const next = source.properties.subnets.find(({ name }) => name === lacking.subnets[0]);
  if (!next) return {};
  if (lacking.addressPrefixes.length > 0)
    return { ...sent(await enlargeNetwork(arm, wanted.id, lacking.addressPrefixes)), more: true };
  return { ...sent(await addSubnet(arm, wanted.id, like(next, plan))), more: lacking.subnets.length > 1 };
}

/** @throws SourceUnsuitable when its rules are not in the plan: it would stand open. */
function like(subnet: Subnet, { securityGroups }: PlanRecord): SubnetSpec {
  const rules = subnet.properties.networkSecurityGroup?.id;
  if (rules === undefined) return likeSubnet(subnet, undefined);
  const copy = securityGroups.find(({ from }) => from.toLowerCase() === rules.toLowerCase());
  if (copy) return likeSubnet(subnet, copy.id);
  throw new LeewardError(
    "SourceUnsuitable",
    `the subnet ${subnet.name} was given ${rules} while its machine was being enabled: enable it again`,
  );
}

function copyAt(copies: readonly Copy[], at: number): Copy {
  const found = copies[at];
  if (!found) throw new LeewardError("NotFound", `the plan has no group ${at}`);
  return found;
}
