import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, read, resource } from "./resource.ts";
import { type SubnetSpec, subnet, subnetBody } from "./subnet.ts";

const reference = z.object({ id: z.string() });
const virtualNetwork = resource.extend({
  properties: z.object({
    addressSpace: z.object({ addressPrefixes: z.array(z.string()) }),
    dhcpOptions: z.object({ dnsServers: z.array(z.string()).nullish() }).nullish(),
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
    privateIPAddressVersion: z.enum(["IPv4", "IPv6"]).default("IPv4"),
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
    enableIPForwarding: z.boolean().default(false),
    dnsSettings: z.object({ dnsServers: z.array(z.string()).default([]) }).nullish(),
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
  readonly subnets: readonly SubnetSpec[];
  /** Of the owner's own; Azure's where there is none. */
  readonly dnsServers?: readonly string[];
  readonly owner: Owner;
}

export const virtualNetworkBody = (spec: VirtualNetworkSpec) => ({
  location: spec.location,
  properties: {
    addressSpace: { addressPrefixes: spec.addressPrefixes },
    subnets: spec.subnets.map(subnetBody),
    ...(spec.dnsServers && { dhcpOptions: { dnsServers: spec.dnsServers } }),
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

/** Whether the address is free in this network; if not, some that are. One outside of it is refused with 400. */
export const checkIpAddress = (
  client: ArmClient,
  network: ArmId,
  address: string,
): Promise<{ available: boolean; availableIPAddresses: string[] }> =>
  client
    .get(`${network}/CheckIPAddressAvailability`, { query: { ipAddress: address } })
    .then(({ body }) => parsed(availability, body, network));

interface AddressSpec {
  /** Of its configuration. */
  readonly name: string;
  /** Static when given; otherwise the subnet gives one. */
  readonly address?: string | undefined;
  readonly version?: "IPv4" | "IPv6";
}

export interface NetworkInterfaceSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly subnet: ArmId;
  /** The first is the primary one; a single one of the subnet's choice when left out. */
  readonly addresses?: readonly AddressSpec[];
  readonly enableAcceleratedNetworking?: boolean | undefined;
  readonly enableIpForwarding?: boolean | undefined;
  /** None: those of the network. */
  readonly dnsServers?: readonly string[] | undefined;
  readonly networkSecurityGroup?: ArmId | undefined;
  readonly applicationSecurityGroups?: readonly ArmId[] | undefined;
  readonly owner: Owner;
}

export const networkInterfaceBody = (spec: NetworkInterfaceSpec) => ({
  location: spec.location,
  properties: {
    ipConfigurations: (spec.addresses ?? [{ name: "primary" }]).map(
      ({ name, address, version = "IPv4" }, at) => ({
        name,
        properties: {
          primary: at === 0,
          subnet: { id: spec.subnet },
          ...(version === "IPv6" && { privateIPAddressVersion: version }),
          ...(address
            ? { privateIPAllocationMethod: "Static", privateIPAddress: address }
            : { privateIPAllocationMethod: "Dynamic" }),
          ...(spec.applicationSecurityGroups && {
            applicationSecurityGroups: spec.applicationSecurityGroups.map((id) => ({ id })),
          }),
        },
      }),
    ),
    enableAcceleratedNetworking: spec.enableAcceleratedNetworking ?? false,
    enableIPForwarding: spec.enableIpForwarding ?? false,
    ...(spec.dnsServers?.length && { dnsSettings: { dnsServers: spec.dnsServers } }),
    ...(spec.networkSecurityGroup && { networkSecurityGroup: { id: spec.networkSecurityGroup } }),
  },
});

/** @param again `keep` for one that its machine uses already: writing it would restart its network */
export const ensureNetworkInterface = (
  client: ArmClient,
  spec: NetworkInterfaceSpec,
  again: "write" | "keep" = "write",
): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: networkInterfaceBody(spec), again });

export const getNetworkInterface = (client: ArmClient, id: ArmId): Promise<NetworkInterface> =>
  read(client, id, networkInterface);

export async function findNetworkInterface(
  client: ArmClient,
  id: ArmId,
): Promise<NetworkInterface | undefined> {
  const body = await client.find(id);
  return body === undefined ? undefined : parsed(networkInterface, body, id);
}
