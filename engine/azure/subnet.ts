import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { type Ensured, ensured } from "./resource.ts";

const reference = z.object({ id: z.string() });
const list = <Schema extends z.ZodType>(of: Schema) =>
  z
    .array(of)
    .nullish()
    .transform((found) => found ?? []);

export const subnet = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    addressPrefix: z.string().optional(),
    addressPrefixes: z.array(z.string()).optional(),
    networkSecurityGroup: reference.nullish(),
    routeTable: reference.nullish(),
    natGateway: reference.nullish(),
    /** Their locations are Azure's to choose, by the region. */
    serviceEndpoints: list(z.object({ service: z.string() })),
    delegations: list(z.object({ name: z.string(), properties: z.object({ serviceName: z.string() }) })),
    privateEndpointNetworkPolicies: z.string().nullish(),
    privateLinkServiceNetworkPolicies: z.string().nullish(),
    defaultOutboundAccess: z.boolean().nullish(),
  }),
});
export type Subnet = z.infer<typeof subnet>;

export interface SubnetSpec {
  readonly name: string;
  /** One or more; Azure takes one of the two. */
  readonly addressPrefix?: string;
  readonly addressPrefixes?: readonly string[];
  readonly networkSecurityGroup?: ArmId;
  /** Names of services, as in `Microsoft.Storage`. */
  readonly serviceEndpoints?: readonly string[];
  readonly delegations?: readonly { readonly name: string; readonly serviceName: string }[];
  readonly privateEndpointNetworkPolicies?: string;
  readonly privateLinkServiceNetworkPolicies?: string;
  /** Whether machines reach the internet without a gateway or an address of their own. */
  readonly defaultOutboundAccess?: boolean;
}

/** Azure answers one or several. */
export const prefixesOf = ({ properties: p }: Pick<Subnet, "properties">): readonly string[] =>
  p.addressPrefixes ?? (p.addressPrefix === undefined ? [] : [p.addressPrefix]);

/** A subnet with everything of another one but its routes and its gateway, which belong to that one's region. */
export function likeSubnet(
  { name, properties: p }: Subnet,
  networkSecurityGroup: ArmId | undefined,
): SubnetSpec {
  const prefixes = prefixesOf({ properties: p });
  return {
    name,
    ...(prefixes.length === 1 ? { addressPrefix: prefixes[0] } : { addressPrefixes: prefixes }),
    ...(networkSecurityGroup && { networkSecurityGroup }),
    ...(p.serviceEndpoints.length > 0 && {
      serviceEndpoints: p.serviceEndpoints.map(({ service }) => service),
    }),
    ...(p.delegations.length > 0 && {
      delegations: p.delegations.map((one) => ({ name: one.name, ...one.properties })),
    }),
    ...(p.privateEndpointNetworkPolicies && {
      privateEndpointNetworkPolicies: p.privateEndpointNetworkPolicies,
    }),
    ...(p.privateLinkServiceNetworkPolicies && {
      privateLinkServiceNetworkPolicies: p.privateLinkServiceNetworkPolicies,
    }),
    // Said in any case: what Azure takes for granted has changed over the years.
    defaultOutboundAccess: p.defaultOutboundAccess ?? true,
  };
}

export const subnetBody = ({
  name,
  networkSecurityGroup,
  serviceEndpoints,
  delegations,
  ...properties
}: SubnetSpec) => ({
  name,
  properties: {
    ...properties,
    ...(networkSecurityGroup && { networkSecurityGroup: { id: networkSecurityGroup } }),
    ...(serviceEndpoints && { serviceEndpoints: serviceEndpoints.map((service) => ({ service })) }),
    ...(delegations && {
      delegations: delegations.map((one) => ({
        name: one.name,
        properties: { serviceName: one.serviceName },
      })),
    }),
  },
});

/** Adds a subnet that the network lacks, and touches no other one. @throws ArmUnavailable when somebody was faster */
export const addSubnet = async (client: ArmClient, network: ArmId, spec: SubnetSpec): Promise<Ensured> =>
  ensured(
    network,
    await client.put(`${network}/subnets/${spec.name}`, subnetBody(spec), { onlyIfAbsent: true }),
  );
