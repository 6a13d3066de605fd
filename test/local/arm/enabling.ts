import { setTimeout } from "node:timers/promises";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { type ArmClient } from "../../../engine/azure/arm.ts";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { hasCode } from "../../../engine/core/errors.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { type ArmId, type MachineId, armId } from "../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../engine/core/units.ts";
import { type Wish, beginEnable } from "../../../engine/recovery/begin.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import type { ProtectionRequest } from "../../../engine/recovery/protection-request.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { networkActivities } from "../../../functions/activities/network.ts";
import { sourceActivities } from "../../../functions/activities/source.ts";
import { targetActivities } from "../../../functions/activities/target.ts";
import { offers } from "../../../functions/offer.ts";
import type { Services } from "../../../functions/services.ts";
import type { ArmSent, OutputOf } from "../../../orchestrations/contract.ts";
import { NORTH, SUBSCRIPTION, type TestBox, WEST, finished, groupId, idOf } from "./fixture.ts";

export const network = (name: string, group = "shop") =>
  idOf(group, "Microsoft.Network/virtualNetworks", name);
export const rules = (name: string, group = "shop") =>
  idOf(group, "Microsoft.Network/networkSecurityGroups", name);
export const applications = (name: string, group = "shop") =>
  idOf(group, "Microsoft.Network/applicationSecurityGroups", name);
const nicId = (name: string) => idOf("shop", "Microsoft.Network/networkInterfaces", name);
const owner = { machine: "shared", role: "source" } as const;

const rule = (priority: number, more: object) => ({
  protocol: "Tcp",
  access: "Allow",
  direction: "Inbound",
  priority,
  sourceAddressPrefix: "*",
  sourcePortRange: "*",
  destinationPortRange: "443",
  ...more,
});

/** A network with rules of every kind, subnets with all that subnets have, and Azure's own beside them. */
export async function makeNetwork({ client }: TestBox): Promise<void> {
  const put = async (id: ArmId, body: object) => finished(client, await client.put(id, body));
  await put(groupId("shop"), { location: WEST });
  await put(applications("web"), { location: WEST, properties: {} });
  const https = {
    name: "https",
    properties: rule(100, { destinationApplicationSecurityGroups: [{ id: applications("web") }] }),
  };
  const ssh = {
    name: "ssh",
    properties: rule(200, {
      sourceAddressPrefix: "10.1.0.0/24",
      destinationAddressPrefix: "*",
      destinationPortRange: "22",
    }),
  };
  await put(rules("apps"), { location: WEST, properties: { securityRules: [https, ssh] } });
  await put(rules("nic"), { location: WEST, properties: { securityRules: [ssh] } });
  await put(idOf("shop", "Microsoft.Network/routeTables", "routes"), { location: WEST, properties: {} });
  await put(network("net"), {
    location: WEST,
    properties: {
      addressSpace: { addressPrefixes: ["10.1.0.0/16", "10.7.0.0/16"] },
      dhcpOptions: { dnsServers: ["10.1.0.10"] },
      subnets: [
        {
          name: "apps",
          properties: {
            addressPrefix: "10.1.0.0/24",
            networkSecurityGroup: { id: rules("apps") },
            routeTable: { id: idOf("shop", "Microsoft.Network/routeTables", "routes") },
            serviceEndpoints: [{ service: "Microsoft.Storage", locations: [WEST] }],
            privateEndpointNetworkPolicies: "Disabled",
            defaultOutboundAccess: false,
          },
        },
        { name: "data", properties: { addressPrefix: "10.7.1.0/24" } },
        {
          name: "sql",
          properties: {
            addressPrefix: "10.7.2.0/24",
            delegations: [{ name: "d", properties: { serviceName: "Microsoft.Sql/managedInstances" } }],
          },
        },
        { name: "GatewaySubnet", properties: { addressPrefix: "10.1.255.0/27" } },
      ],
    },
  });
}

export interface SourceNicWish {
  readonly name: string;
  readonly subnet: string;
  readonly network?: ArmId;
  readonly rules?: ArmId;
  readonly applications?: ArmId;
}

/** A machine of one disk in the network. */
export async function makeMachine(
  { client }: TestBox,
  name: string,
  nics: readonly SourceNicWish[],
  more: { readonly availabilitySet?: ArmId } = {},
): Promise<ArmId> {
  const id = idOf("shop", "Microsoft.Compute/virtualMachines", name);
  for (const nic of nics)
    await finished(
      client,
      await client.put(nicId(nic.name), {
        location: WEST,
        properties: {
          ...(nic.rules && { networkSecurityGroup: { id: nic.rules } }),
          ipConfigurations: [
            {
              name: "ip",
              properties: {
                subnet: { id: `${nic.network ?? network("net")}/subnets/${nic.subnet}` },
                ...(nic.applications && { applicationSecurityGroups: [{ id: nic.applications }] }),
              },
            },
          ],
        },
      }),
    );
  const disk = idOf("shop", "Microsoft.Compute/disks", `${name}-os`);
  const empty = { from: "empty", size: bytes(GIB) } as const;
  await finished(
    client,
    await ensureDisk(client, { id: disk, location: WEST, sku: "Premium_LRS", source: empty, owner }),
  );
  const body = virtualMachineBody({
    id,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: disk, caching: "None", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: nics.map((nic) => nicId(nic.name)),
    ...more,
    owner,
  });
  await finished(client, await client.put(id, { ...body, tags: {}, identity: { type: "SystemAssigned" } }));
  return id;
}

/** The availability set of `makeLedger`'s machine, where it has one. */
export const SET = idOf("shop", "Microsoft.Compute/availabilitySets", "front");

export async function makeSet({ client }: TestBox): Promise<void> {
  const properties = { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 };
  await client.put(SET, { location: WEST, sku: { name: "Aligned" }, properties });
}

/** A network, and in it a machine with an interface in each of two subnets, one of an application group and one with rules. */
export async function makeLedger(box: TestBox, more?: { readonly availabilitySet: ArmId }): Promise<ArmId> {
  await makeNetwork(box);
  if (more) await makeSet(box);
  return makeMachine(
    box,
    "ledger",
    [
      { name: "ledger-front", subnet: "apps", applications: applications("web") },
      { name: "ledger-back", subnet: "data", rules: rules("nic") },
    ],
    more,
  );
}

/** Everything in the collections, without what changes with time. */
export async function contentsOf({ client }: TestBox, collections: readonly string[]): Promise<unknown> {
  const all: unknown[] = [];
  for (const collection of collections) for await (const one of client.list(collection)) all.push(one);
  return JSON.parse(JSON.stringify(all, (key, value: unknown) => (key === "etag" ? undefined : value)));
}

/** An app with empty records, or with another's, in front of the box. */
export function appAt(box: TestBox, arm: ArmClient = box.client): Services {
  const declared = onlyDeclared(arm);
  return {
    ...Object.create(null),
    arm: declared,
    clock: systemClock,
    records: recordsIn(new MemoryRecordStore()),
    settings: { ...Object.create(null), region: NORTH, subscription: SUBSCRIPTION },
    offerOf: offers(declared, systemClock),
  };
}

export function wishFor(vmId: ArmId, request: Partial<ProtectionRequest> = {}): Wish {
  const vault = `${groupId("leeward")}/providers/Microsoft.RecoveryServices/vaults/v`;
  const name = vmId.slice(vmId.lastIndexOf("/") + 1);
  const id = armId(
    `${vault}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/${name}`,
  );
  const wanted = { resourceGroup: groupId("recovery"), ...request };
  return { id, vmId, policy: recoveryPolicy.parse({}), request: wanted };
}

/** The item of an enablement that was asked for. */
export async function asked(
  { records }: Services,
  vmId: ArmId,
  request: Partial<ProtectionRequest> = {},
): Promise<MachineId> {
  const wish = wishFor(vmId, request);
  const item = beginEnable(undefined, wish, { now: systemClock.now() });
  await records.items.create(itemKey(wish.id), item);
  return item.machine;
}

/** What the orchestration does in Azure, step by step, as it does it. @param before is called before each of the steps */
export async function makeTarget(
  services: Services,
  machine: MachineId,
  before: (step: string) => Promise<void> = async () => {},
): Promise<void> {
  const tools = { services, client: Object.create(null) };
  const tried = async <Value>(step: string, run: () => Promise<Value>): Promise<Value> => {
    await before(step);
    return patient(run);
  };
  const facts = await tried("checkSource", () => sourceActivities.checkSource({ machine }, tools));
  const made = async (step: string, run: () => Promise<ArmSent>) => {
    const { operation } = await tried(step, run);
    await finished(services.arm, operation ? { operation } : {});
  };
  await made("createResourceGroup", () => targetActivities.createResourceGroup({ machine }, tools));
  for (let at = 0; at < (facts.applicationGroups ?? 0); at++)
    await made("createApplicationGroup", () =>
      networkActivities.createApplicationGroup({ machine, at }, tools),
    );
  for (let at = 0; at < (facts.securityGroups ?? 0); at++)
    await made("createSecurityGroup", () => networkActivities.createSecurityGroup({ machine, at }, tools));
  for (let at = 0; at < (facts.networks ?? 1); at++) {
    let more: boolean | undefined = true;
    while (more === true)
      await made("createNetwork", async () => {
        const sent: OutputOf<"createNetwork"> = await networkActivities.createNetwork(
          { machine, network: at },
          tools,
        );
        ({ more } = sent);
        return sent;
      });
  }
  if (facts.availabilitySet)
    await made("createAvailabilitySet", () => targetActivities.createAvailabilitySet({ machine }, tools));
  await made("createCacheAccount", () => targetActivities.createCacheAccount({ machine }, tools));
  await made("createReplicaAccount", () => targetActivities.createReplicaAccount({ machine }, tools));
}

/** The orchestration tries for minutes; here nothing takes that long. */
const MOST_TRIES = 100;
const BETWEEN_TRIES = 20;

async function patient<Value>(run: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++)
    try {
      return await run();
    } catch (error) {
      if (!hasCode(error, "ArmUnavailable") || tries === MOST_TRIES) throw error;
      await setTimeout(BETWEEN_TRIES);
    }
}

/** Counts writes; `behind` is called after each that was carried out. */
export function counting(client: ArmClient, writes: string[], behind: () => void = () => {}): ArmClient {
  return {
    ...client,
    get urgent() {
      return counting(client.urgent, writes, behind);
    },
    put: async (path, body, options) => {
      const answer = await client.put(path, body, options);
      writes.push(path);
      behind();
      return answer;
    },
  };
}
