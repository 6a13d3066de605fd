import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { type ArmClient, armClient } from "../../../engine/azure/arm.ts";
import { ensureAvailabilitySet } from "../../../engine/azure/availability-set.ts";
import { CALLS, declaredCall } from "../../../engine/azure/calls.ts";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { closeDisk, ensureDisk, openDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { remove } from "../../../engine/azure/resource.ts";
import { ensureApplicationGroup } from "../../../engine/azure/security-group.ts";
import { addSubnet } from "../../../engine/azure/subnet.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { VHD_FOOTER_BYTES, vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { type ArmId, type MachineId, armId, barrierId } from "../../../engine/core/ids.ts";
import { GIB, bytes, diskIndex, generation, millis, sequence } from "../../../engine/core/units.ts";
import { beginEnable } from "../../../engine/recovery/begin.ts";
import { itemKey, targetOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { beginTest } from "../../../engine/recovery/test-failover.ts";
import { madeBy } from "../../../engine/recovery/test-parts.ts";
import { testTargetOf } from "../../../engine/recovery/test-target.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { rolloutActivities } from "../../../functions/activities/agent-rollout.ts";
import { bootActivities } from "../../../functions/activities/boot.ts";
import { diskImages, imagedIn } from "../../../functions/activities/disk-images.ts";
import { diskActivities } from "../../../functions/activities/disks.ts";
import { fitActivities } from "../../../functions/activities/fit.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import { networkActivities } from "../../../functions/activities/network.ts";
import { shutDownActivities } from "../../../functions/activities/shut-down.ts";
import { sourceActivities } from "../../../functions/activities/source.ts";
import { testActivities } from "../../../functions/activities/testing.ts";
import { targetActivities } from "../../../functions/activities/target.ts";
import { itemOf } from "../../../functions/activities/tools.ts";
import { vmActivities } from "../../../functions/activities/vm.ts";
import { offers } from "../../../functions/offer.ts";
import { survey } from "../../../functions/survey.ts";
import type { Services } from "../../../functions/services.ts";
import { pagesAt } from "../../../infra/prove/proving.ts";
import {
  AGENT,
  ARM_AUDIENCE,
  NORTH,
  SUBSCRIPTION,
  type TestBox,
  WEST,
  finished,
  groupId,
  idOf,
  startBox,
} from "../arm/fixture.ts";
import { takeAway } from "./take-away.ts";

interface Sent {
  readonly method: string;
  readonly path: string;
}

const SIZE = bytes(GIB);
const VM = idOf("shop", "Microsoft.Compute/virtualMachines", "ledger");
const POINT = barrierId("00000000-0000-4000-8000-000000000001");
const OTHER = barrierId("10000000-0000-4000-8000-000000000001");
const owner = { machine: "shared", role: "source" } as const;

let box: TestBox;
const sent: Sent[] = [];
afterEach(() => box.close());

const roles = z
  .record(z.enum(["inventory", "source", "target"]), z.object({ actions: z.array(z.string()) }))
  .parse(JSON.parse(readFileSync(new URL("../../../infra/roles.json", import.meta.url), "utf8")));
const ROLE_IDS = {
  inventory: "00000000-0000-4000-8000-0000000000a1",
  source: "00000000-0000-4000-8000-0000000000a2",
  target: "00000000-0000-4000-8000-0000000000a3",
};

/** A box whose app has the roles where infra/ gives them, but for one action. */
async function boxWithout(action?: string): Promise<void> {
  sent.splice(0);
  const given = Object.entries(ROLE_IDS).map(([name, id]) => {
    const { actions } = roles[name === "inventory" || name === "source" ? name : "target"];
    return { id, name, actions: actions.filter((one) => one !== action), notActions: [] };
  });
  const principal = "44444444-4444-4444-8444-444444444444";
  const assignments = [
    { principal, role: ROLE_IDS.inventory, scope: `/subscriptions/${SUBSCRIPTION}` },
    { principal, role: ROLE_IDS.source, scope: groupId("shop") },
    { principal, role: ROLE_IDS.target, scope: groupId("recovery") },
  ];
  box = await startBox({ config: { roles: given, assignments } });
  await makeSource();
  await box.client.put(groupId("recovery"), { location: NORTH });
  for (const id of Object.values(PLACES)) await box.client.put(id, { location: NORTH });
}

/** What a caller may name for the copy. */
const PLACES = {
  proximityPlacementGroup: idOf("recovery", "Microsoft.Compute/proximityPlacementGroups", "near"),
  capacityReservationGroup: idOf("recovery", "Microsoft.Compute/capacityReservationGroups", "reserved"),
  scaleSet: idOf("recovery", "Microsoft.Compute/virtualMachineScaleSets", "scale"),
  encryptionSet: idOf("recovery", "Microsoft.Compute/diskEncryptionSets", "keys"),
};

test("a protection, a failover and a test of one need no right that the roles do not give", async () => {
  await boxWithout();
  await protectAndFailOver();
  expect(unseen()).toEqual([
    // The portal's list, and the group that the deployment makes in advance.
    "GET …/Microsoft.Compute/virtualMachines",
    "PUT /subscriptions/{subscription}/resourceGroups/{group}",
    // Only where the app is set to give itself roles.
    "GET …/Microsoft.Authorization/roleAssignments/{assignment}",
    "PUT …/Microsoft.Authorization/roleAssignments/{assignment}",
  ]);
});

test.each([
  "Microsoft.Network/networkInterfaces/join/action",
  "Microsoft.Network/virtualNetworks/subnets/join/action",
  "Microsoft.Network/networkSecurityGroups/join/action",
  "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action",
  "Microsoft.Compute/virtualMachines/extensions/write",
  "Microsoft.Compute/disks/endGetAccess/action",
  "Microsoft.Storage/operations/read",
  "Microsoft.Network/networkSecurityGroups/delete",
  "Microsoft.Compute/virtualMachines/delete",
  "Microsoft.Compute/virtualMachines/deallocate/action",
])("without %s they are refused", async (action) => {
  await boxWithout(action);
  await expect(protectAndFailOver()).rejects.toThrow(new RegExp(`authorization.*'${action}'`, "i"));
});

/** Calls that are declared, and were not made: rights that nothing needs. */
function unseen(): string[] {
  const made = new Set(sent.map(({ method, path }) => declaredCall(method, path)?.call));
  return CALLS.filter(({ call }) => !made.has(call)).map(({ call }) =>
    call.replace(/^(\S+) .*\/providers/, "$1 …"),
  );
}

/** Notes what the app sends. */
function noting(client: ArmClient): ArmClient {
  const note = (method: string, path: string) => void sent.push({ method, path });
  return {
    ...client,
    get urgent() {
      return noting(client.urgent);
    },
    list: (path, options) => (note("GET", path), client.list(path, options)),
    get: async (path, options) => (note("GET", path), client.get(path, options)),
    find: async (path, options) => (note("GET", path), client.find(path, options)),
    put: async (path, body, options) => (note("PUT", path), client.put(path, body, options)),
    patch: async (path, body, options) => (note("PATCH", path), client.patch(path, body, options)),
    post: async (path, body, options) => (note("POST", path), client.post(path, body, options)),
    delete: async (path, options) => (note("DELETE", path), client.delete(path, options)),
    poll: async (operation) => (note("GET", new URL(operation.pollUrl).pathname), client.poll(operation)),
  };
}

async function makeSource(): Promise<void> {
  const { client } = box;
  await client.put(groupId("shop"), { location: WEST });
  const network = idOf("shop", "Microsoft.Network/virtualNetworks", "net");
  const groups = await makeRules();
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24", networkSecurityGroup: groups.rules }];
  const space = { location: WEST, addressPrefixes: ["10.1.0.0/16"], subnets, owner };
  await finished(client, await ensureVirtualNetwork(client, { id: network, ...space }));
  const nic = idOf("shop", "Microsoft.Network/networkInterfaces", "nic");
  const subnet = armId(`${network}/subnets/apps`);
  await finished(client, await ensureNetworkInterface(client, { id: nic, location: WEST, subnet, owner }));
  const set = idOf("shop", "Microsoft.Compute/availabilitySets", "set");
  await ensureAvailabilitySet(client, { id: set, location: WEST, faultDomains: 2, updateDomains: 5, owner });
  const disk = idOf("shop", "Microsoft.Compute/disks", "os");
  const source = { from: "empty", size: SIZE } as const;
  await finished(
    client,
    await ensureDisk(client, { id: disk, location: WEST, sku: "Premium_LRS", source, owner }),
  );
  const spec = {
    id: VM,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: disk, caching: "ReadWrite", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: [nic],
    availabilitySet: set,
    owner,
  } as const;
  const body = { ...virtualMachineBody(spec), identity: { type: "SystemAssigned" } };
  await finished(client, await client.put(VM, body));
}

/** A security group with a rule that names an application security group. */
async function makeRules() {
  const { client } = box;
  const web = idOf("shop", "Microsoft.Network/applicationSecurityGroups", "web");
  await finished(client, await ensureApplicationGroup(client, { id: web, location: WEST, owner }));
  const rules = idOf("shop", "Microsoft.Network/networkSecurityGroups", "rules");
  const rule = {
    protocol: "Tcp",
    access: "Allow",
    direction: "Inbound",
    priority: 100,
    sourceAddressPrefix: "*",
    sourcePortRange: "*",
    destinationPortRange: "443",
    destinationApplicationSecurityGroups: [{ id: web }],
  };
  const body = { location: WEST, properties: { securityRules: [{ name: "https", properties: rule }] } };
  await finished(client, await client.put(rules, body));
  return { web, rules };
}

/** All activities that call Azure, in the order of enableProtection and failover. */
async function protectAndFailOver(): Promise<void> {
  const credential = {
    getToken: async () => ({
      token: await box.token(AGENT.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  const connection = { endpoint: box.url, audience: ARM_AUDIENCE, credential, tls: { ca: box.ca } };
  const arm = onlyDeclared(noting(armClient(connection)));
  const records = recordsIn(new MemoryRecordStore());
  const settings = {
    region: NORTH,
    subscription: SUBSCRIPTION,
    publicUrl: "https://app.example",
    agentRollout: "handler",
    audience: "api://a",
  };
  const services: Services = {
    ...Object.create(null),
    ...Object.assign(Object.create(null), { arm, records, settings }),
    target: new MemoryObjectStore(),
    objectsAt: () => new MemoryObjectStore(),
    containersAt: async () => [],
    clock: systemClock,
    offerOf: offers(arm, systemClock),
  };
  const tools = { services, client: Object.create(null) };
  const vault = `${groupId("leeward")}/providers/Microsoft.RecoveryServices/vaults/v`;
  const id = armId(
    `${vault}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i`,
  );
  const wish = {
    id,
    vmId: VM,
    policy: recoveryPolicy.parse({}),
    request: {
      resourceGroup: groupId("recovery"),
      diskKinds: [
        { disk: idOf("shop", "Microsoft.Compute/disks", "os"), encryptionSet: PLACES.encryptionSet },
      ],
    },
  };
  const item = beginEnable(undefined, wish, { now: systemClock.now() });
  const { machine } = item;
  await records.items.create(itemKey(id), item);
  await sourceActivities.checkSource({ machine }, tools);
  // A look at a machine goes on without what is refused; here nothing is.
  const intent = { vmId: VM, request: { ...wish.request, ...PLACES }, warm: true };
  expect((await survey(services, intent)).unread).toEqual([]);
  const one = { machine, disk: diskIndex(0), point: POINT };
  const scripted = {
    ...tools,
    services: { ...services, settings: { ...services.settings, agentRollout: "script" as const } },
  };
  const steps = [
    () => targetActivities.createResourceGroup({ machine }, tools),
    () => networkActivities.createApplicationGroup({ machine, at: 0 }, tools),
    () => networkActivities.createSecurityGroup({ machine, at: 0 }, tools),
    () => networkActivities.createNetwork({ machine }, tools),
    () =>
      addSubnet(arm, idOf("recovery", "Microsoft.Network/virtualNetworks", "net-recovery"), {
        name: "more",
        addressPrefix: "10.1.9.0/24",
      }),
    () => targetActivities.createAvailabilitySet({ machine }, tools),
    () => targetActivities.createCacheAccount({ machine }, tools),
    () => targetActivities.createReplicaAccount({ machine }, tools),
    () => rolloutActivities.installAgent({ machine }, tools),
    () => rolloutActivities.observeInstall({ machine }, tools).then(nothing),
    () => rolloutActivities.removeAgent({ machine }, scripted),
    () => rolloutActivities.dropAgentExtension({ machine }, tools),
    () => rolloutActivities.dropAgentCommand({ machine }, tools),
    () => captured(services, machine).then(nothing),
    () => shutDownActivities.shutDownSource({ machine }, tools),
    () => diskActivities.createUploadDisk(one, tools),
    async () => upload(arm, await diskOf(services, machine)),
    () => nicActivities.createNic({ machine, nic: 0 }, tools),
    () => vmActivities.createVm({ machine, point: POINT }, tools),
  ];
  for (const step of steps) await finished(arm, await step());
  expect(await vmActivities.observeVm({ machine }, tools)).toEqual({ running: true });
  await fitActivities.checkFit({ machine, point: POINT }, tools);
  await bootActivities.readBoot({ machine }, tools);
  await drill(services, machine, tools);
  await takeBack(services, arm, machine);
  await takeAway(box, services, arm, item);
}

/** As a failover that is tried again with another point, and one that is cancelled. */
async function takeBack(services: Services, arm: ArmClient, machine: MachineId): Promise<void> {
  const tools = { services, client: Object.create(null) };
  await finished(arm, await vmActivities.clearVm({ machine, point: OTHER }, tools));
  const nic = idOf("recovery", "Microsoft.Network/networkInterfaces", "nic");
  await finished(arm, await remove(arm, nic, { machine, role: "target-nic" }));
  const disk = await diskOf(services, machine);
  await finished(arm, await remove(arm, disk, { machine, role: "target-disk" }));
}

/** A test failover beside it, without its data, and its clean-up. */
async function drill(services: Services, machine: MachineId, tools: Tools): Promise<void> {
  const { arm, records, clock } = services;
  const chosen = {
    point: POINT,
    pointTime: clock.now(),
    generation: generation(1),
    sequence: sequence(1),
    consistency: "crash",
    road: "upload",
  } as const;
  await records.items.update(machine.slice(-8), (old) => {
    const begun = beginTest({ ...old, state: "Protected" }, { now: clock.now() });
    return { ...begun, test: begun.test && { ...begun.test, chosen } };
  });
  const one = { machine, test: true, disk: diskIndex(0), point: POINT } as const;
  const made = [
    () => testActivities.createTestGuard({ machine }, tools),
    () => testActivities.createTestNetwork({ machine }, tools),
    () => diskActivities.createUploadDisk(one, tools),
    async () => upload(arm, targetDisk(testTargetOf(await itemOf(services, machine)), "os", POINT)),
    () => nicActivities.createNic({ machine, test: true, nic: 0 }, tools),
    () => vmActivities.createVm({ machine, test: true, point: POINT }, tools),
  ];
  for (const step of made) await finished(arm, await step());
  expect(await vmActivities.observeVm({ machine, test: true }, tools)).toEqual({ running: true });
  const item = await itemOf(services, machine);
  for (const { part, role } of madeBy(item))
    if (role !== undefined)
      await finished(arm, await testActivities.removeTestPart({ machine, part }, tools));
  for (const { id, role } of madeBy(item))
    if (role !== undefined) expect([id, await arm.find(id)]).toEqual([id, undefined]);
}

type Tools = Parameters<typeof vmActivities.observeVm>[1];

/** As capture by snapshots does, without reading. */
async function captured(services: Services, machine: Parameters<typeof itemOf>[1]): Promise<void> {
  const images = diskImages(services, imagedIn(await itemOf(services, machine)));
  const image = { generation: generation(1), number: 1 };
  await images.take(image);
  for (let look = await images.look(image); look.state === "pending"; look = await images.look(image))
    await systemClock.sleep(millis(20));
  await images.open(image, undefined, diskIndex(0));
  await images.close([image]);
  await images.sweep([]);
}

/** Nothing is to be waited for. */
const nothing = () => ({});

async function diskOf({ records }: Services, machine: MachineId) {
  for await (const item of records.items.list())
    if (item.machine === machine) return targetDisk(targetOf(item), "os", POINT);
  throw new Error(`no item of ${machine}`);
}

/** As `restoreDisks` does, without a journal. */
async function upload(arm: ArmClient, disk: ArmId) {
  const sas = await openDisk(arm, disk, { access: "Write", seconds: 600 }, systemClock);
  const proving = { tls: { ca: box.ca } };
  const pages = pagesAt(Object.assign(Object.create(null), proving), sas);
  await pages.uploadPages(vhdFooter(SIZE, Buffer.alloc(16, 1)), SIZE, VHD_FOOTER_BYTES);
  return closeDisk(arm, disk);
}
