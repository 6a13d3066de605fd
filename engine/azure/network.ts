import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, read, resource } from "./resource.ts";

const reference = z.object({ id: z.string() });
const subnet = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    addressPrefix: z.string().optional(),
    addressPrefixes: z.array(z.string()).optional(),
    networkSecurityGroup: reference.nullish(),
    routeTable: reference.nullish(),
  }),
});
const virtualNetwork = resource.extend({
  properties: z.object({
    addressSpace: z.object({ addressPrefixes: z.array(z.string()) }),
    subnets: z.array(subnet).default([]),
    provisioningState: z.string(),
  }),
});
export type VirtualNetwork = z.infer<typeof virtualNetwork>;

const ipConfiguration = z.object({
  name: z.string(),
  properties: z.object({
    primary: z.boolean().default(false),
    privateIPAddress: z.string().optional(),
    privateIPAllocationMethod: z.enum(["Static", "Dynamic"]),
    subnet: reference.optional(),
    publicIPAddress: reference.nullish(),
    loadBalancerBackendAddressPools: z.array(reference).nullish(),
    applicationGatewayBackendAddressPools: z.array(reference).nullish(),
    applicationSecurityGroups: z.array(reference).nullish(),
  }),
});
const networkInterface = resource.extend({
  properties: z.object({
    provisioningState: z.string(),
    ipConfigurations: z.array(ipConfiguration),
    enableAcceleratedNetworking: z.boolean().default(false),
    networkSecurityGroup: reference.nullish(),
    virtualMachine: reference.nullish(),
  }),
});
export type NetworkInterface = z.infer<typeof networkInterface>;

const availability = z.object({
  available: z.boolean(),
  availableIPAddresses: z.array(z.string()).default([]),
});

export interface VirtualNetworkSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly addressPrefixes: readonly string[];
  /** All of them: a later write that leaves one out asks Azure to delete it. */
  readonly subnets: readonly { readonly name: string; readonly addressPrefix: string }[];
  readonly owner: Owner;
}

export const virtualNetworkBody = (spec: VirtualNetworkSpec) => ({
  location: spec.location,
  properties: {
    addressSpace: { addressPrefixes: spec.addressPrefixes },
    subnets: spec.subnets.map(({ name, addressPrefix }) => ({ name, properties: { addressPrefix } })),
  },
});

/** Ours keeps the subnets that others added since: it is written once. */
export const ensureVirtualNetwork = (client: ArmClient, spec: VirtualNetworkSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: virtualNetworkBody(spec), again: "keep" });

export const getVirtualNetwork = (client: ArmClient, id: ArmId): Promise<VirtualNetwork> =>
  read(client, id, virtualNetwork);

export async function findVirtualNetwork(client: ArmClient, id: ArmId): Promise<VirtualNetwork | undefined> {
  const body = await client.find(id);
  return body === undefined ? undefined : parsed(virtualNetwork, body, id);
}

/** Whether a NIC may take the address in this network; if not, some that it may. */
export const checkIpAddress = (
  client: ArmClient,
  network: ArmId,
  address: string,
): Promise<{ available: boolean; availableIPAddresses: string[] }> =>
  client
    .get(`${network}/CheckIPAddressAvailability`, { query: { ipAddress: address } })
    .then(({ body }) => parsed(availability, body, network));

export interface NetworkInterfaceSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly subnet: ArmId;
  /** Static when given; otherwise the subnet gives one. */
  readonly address?: string;
  readonly enableAcceleratedNetworking?: boolean;
  readonly networkSecurityGroup?: ArmId;
  readonly applicationSecurityGroups?: readonly ArmId[];
  readonly owner: Owner;
}

export const networkInterfaceBody = (spec: NetworkInterfaceSpec) => ({
  location: spec.location,
  properties: {
    ipConfigurations: [
      {
        name: "primary",
        properties: {
          primary: true,
          subnet: { id: spec.subnet },
          ...(spec.address
            ? { privateIPAllocationMethod: "Static", privateIPAddress: spec.address }
            : { privateIPAllocationMethod: "Dynamic" }),
          ...(spec.applicationSecurityGroups && {
            applicationSecurityGroups: spec.applicationSecurityGroups.map((id) => ({ id })),
          }),
        },
      },
    ],
    enableAcceleratedNetworking: spec.enableAcceleratedNetworking ?? false,
    ...(spec.networkSecurityGroup && { networkSecurityGroup: { id: spec.networkSecurityGroup } }),
  },
});

export const ensureNetworkInterface = (client: ArmClient, spec: NetworkInterfaceSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: networkInterfaceBody(spec), again: "write" });

export const getNetworkInterface = (client: ArmClient, id: ArmId): Promise<NetworkInterface> =>
  read(client, id, networkInterface);
