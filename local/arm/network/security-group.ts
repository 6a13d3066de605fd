import { sameArmId } from "../../../engine/core/ids.ts";
import type { Box } from "../box.ts";
import { newEtag } from "./etag.ts";
import { plainFamily } from "./plain.ts";
import { pointed, subnetPointingTo } from "./reference.ts";

const TYPE = "Microsoft.Network/networkSecurityGroups";

/** What every group allows and denies behind its own rules. */
const DEFAULTS = [
  ["AllowVnetInBound", 65_000, "Allow", "Inbound", "VirtualNetwork", "VirtualNetwork"],
  ["AllowAzureLoadBalancerInBound", 65_001, "Allow", "Inbound", "AzureLoadBalancer", "*"],
  ["DenyAllInBound", 65_500, "Deny", "Inbound", "*", "*"],
  ["AllowVnetOutBound", 65_000, "Allow", "Outbound", "VirtualNetwork", "VirtualNetwork"],
  ["AllowInternetOutBound", 65_001, "Allow", "Outbound", "*", "Internet"],
  ["DenyAllOutBound", 65_500, "Deny", "Outbound", "*", "*"],
] as const;

export const securityGroup = plainFamily({
  type: TYPE,
  kind: "security-group",
  table: (state) => state.securityGroups,
  inUse: "InUseNetworkSecurityGroupCannotBeDeleted",
  user: (box, id) => interfaceWith(box, id) ?? subnetPointingTo(box, "networkSecurityGroup", id),
  seen: (box, id) => {
    const [nic, subnet] = [interfaceWith(box, id), subnetPointingTo(box, "networkSecurityGroup", id)];
    return { ...(nic && { networkInterfaces: [{ id: nic }] }), ...(subnet && { subnets: [{ id: subnet }] }) };
  },
  complete: (id, properties) => ({
    ...properties,
    securityRules: rules(id, properties["securityRules"]),
    defaultSecurityRules: DEFAULTS.map(([name, priority, access, direction, from, to]) => ({
      id: `${id}/defaultSecurityRules/${name}`,
      name,
      etag: newEtag(),
      type: `${TYPE}/defaultSecurityRules`,
      properties: {
        provisioningState: "Succeeded",
        protocol: "*",
        sourcePortRange: "*",
        destinationPortRange: "*",
        sourceAddressPrefix: from,
        destinationAddressPrefix: to,
        access,
        priority,
        direction,
      },
    })),
  }),
});

function rules(id: string, written: unknown): object[] {
  if (!Array.isArray(written)) return [];
  return written.flatMap((rule: unknown) => (isRule(rule) ? [named(id, rule)] : []));
}

interface Rule {
  readonly name: string;
  readonly properties?: object;
}

const isRule = (rule: unknown): rule is Rule =>
  typeof rule === "object" && rule !== null && "name" in rule && typeof rule.name === "string";

const named = (id: string, { name, properties }: Rule) => ({
  id: `${id}/securityRules/${name}`,
  name,
  etag: newEtag(),
  type: `${TYPE}/securityRules`,
  properties: { ...properties, provisioningState: "Succeeded" },
});

const interfaceWith = (box: Box, id: string): string | undefined =>
  box.state.networkInterfaces.all().find(({ properties }) => {
    const group = pointed(properties, "networkSecurityGroup");
    return group !== undefined && sameArmId(group, id);
  })?.id;
