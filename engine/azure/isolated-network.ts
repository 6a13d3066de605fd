import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { type Ensured, type Owner, ensure } from "./resource.ts";

interface Placed {
  readonly id: ArmId;
  readonly location: string;
  readonly owner: Owner;
}

export interface GuardSpec extends Placed {
  /** Whom members of the network may talk to: the network's own prefixes, or nobody. */
  readonly prefixes: readonly string[];
}

/** Azure takes rules from 100 to 4096, the lowest first; its own, which allow peers and the internet, come behind. */
const FIRST = 100;
const LAST = 4096;

/**
 * A security group that lets nothing in from outside of the prefixes, nor out. By prefixes and not by the tag
 * `VirtualNetwork`, which takes in everything that a network is peered with.
 */
const guardBody = ({ location, prefixes }: GuardSpec) => ({
  location,
  properties: { securityRules: [...rulesFor("Inbound", prefixes), ...rulesFor("Outbound", prefixes)] },
});

export const ensureGuard = (client: ArmClient, spec: GuardSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: guardBody(spec), again: "write" });

export interface IsolatedNetworkSpec extends Placed {
  readonly guard: ArmId;
  readonly subnets: readonly { readonly name: string; readonly addressPrefix: string }[];
}

/** A network of these subnets alone, each behind the guard, without Azure's way out. */
const isolatedNetworkBody = ({ location, guard, subnets }: IsolatedNetworkSpec) => ({
  location,
  properties: {
    addressSpace: { addressPrefixes: subnets.map(({ addressPrefix }) => addressPrefix) },
    subnets: subnets.map(({ name, addressPrefix }) => ({
      name,
      properties: { addressPrefix, defaultOutboundAccess: false, networkSecurityGroup: { id: guard } },
    })),
  },
});

export const ensureIsolatedNetwork = (client: ArmClient, spec: IsolatedNetworkSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: isolatedNetworkBody(spec), again: "keep" });

function rulesFor(direction: "Inbound" | "Outbound", prefixes: readonly string[]) {
  const rule = (name: string, priority: number, access: "Allow" | "Deny", within: readonly string[]) => ({
    name: `${name}${direction}`,
    properties: {
      priority,
      direction,
      access,
      protocol: "*",
      sourcePortRange: "*",
      destinationPortRange: "*",
      ...sides(within),
    },
  });
  // A rule has addresses of one kind.
  const kinds = [prefixes.filter((each) => !isSix(each)), prefixes.filter(isSix)];
  const inside = kinds.flatMap((within, at) =>
    within.length > 0 ? [rule(at === 0 ? "Inside" : "InsideSix", FIRST + at, "Allow", within)] : [],
  );
  return [...inside, rule("Nothing", LAST, "Deny", [])];
}

const isSix = (prefix: string): boolean => prefix.includes(":");

const sides = (within: readonly string[]) =>
  within.length > 0
    ? { sourceAddressPrefixes: within, destinationAddressPrefixes: within }
    : { sourceAddressPrefix: "*", destinationAddressPrefix: "*" };
