import { afterEach, beforeEach, expect, test } from "vitest";
import { getNetworkInterface, getVirtualNetwork } from "../../../engine/azure/network.ts";
import { getSecurityGroup } from "../../../engine/azure/security-group.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { targetActivities } from "../../../functions/activities/target.ts";
import { dryRun } from "../../../functions/plans.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import {
  appAt,
  applications,
  asked,
  counting,
  makeLedger,
  makeMachine,
  makeTarget,
  network,
  rules,
  wishFor,
} from "./enabling.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
const ROLES = ["ba92f5b4-2d11-453d-a403-e96b0029c9fe", "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"].map((id) => ({
  id,
  name: id,
  actions: [],
  notActions: [],
}));
beforeEach(async () => {
  box = await startBox({ config: { roles: ROLES } });
  vm = await makeLedger(box);
});
afterEach(() => box.close());

const NETWORK = network("net-recovery", "recovery");

test("the network is made with all its subnets and everything that they have, in one write", async () => {
  const writes: string[] = [];
  const services = appAt(box, counting(box.client, writes));
  await makeTarget(services, await asked(services, vm));
  expect(writes.filter((path) => path.includes("virtualNetworks"))).toEqual([NETWORK]);
  const { properties: made, location } = await getVirtualNetwork(box.client, NETWORK);
  expect(location).toBe(NORTH);
  expect(made.addressSpace.addressPrefixes).toEqual(["10.1.0.0/16", "10.7.0.0/16"]);
  expect(made.dhcpOptions).toEqual({ dnsServers: ["10.1.0.10"] });
  expect(made.subnets.map(({ name }) => name)).toEqual(["apps", "data", "sql"]);
  expect(made.subnets[0]?.properties).toMatchObject({
    addressPrefix: "10.1.0.0/24",
    networkSecurityGroup: { id: rules("apps-recovery", "recovery") },
    serviceEndpoints: [{ service: "Microsoft.Storage" }],
    privateEndpointNetworkPolicies: "Disabled",
    defaultOutboundAccess: false,
  });
  expect(made.subnets[0]?.properties.routeTable).toBeUndefined();
  expect(made.subnets[1]?.properties.defaultOutboundAccess).toBe(true);
  expect(made.subnets[2]?.properties.delegations).toEqual([
    { name: "d", properties: { serviceName: "Microsoft.Sql/managedInstances" } },
  ]);
});

test("rules are copied, and those that name application security groups name their copies", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  const { securityRules } = (await getSecurityGroup(box.client, rules("apps-recovery", "recovery")))
    .properties;
  const before = (await getSecurityGroup(box.client, rules("apps"))).properties.securityRules;
  expect(securityRules).toEqual(
    before.map((one) =>
      one.name === "https"
        ? {
            ...one,
            properties: {
              ...one.properties,
              destinationApplicationSecurityGroups: [applications("web-recovery", "recovery")],
            },
          }
        : one,
    ),
  );
});

test("each network interface of the copy goes where the plan says, with its rules and groups", async () => {
  const services = appAt(box);
  const machine = await asked(services, vm);
  await makeTarget(services, machine);
  const target = (await services.records.items.get(itemKeyOf(machine)))?.value.target;
  expect(target?.nics).toEqual([
    {
      name: "ledger-front",
      subnet: `${NETWORK}/subnets/apps`,
      applicationSecurityGroups: [applications("web-recovery", "recovery")],
    },
    {
      name: "ledger-back",
      subnet: `${NETWORK}/subnets/data`,
      networkSecurityGroup: rules("nic-recovery", "recovery"),
    },
  ]);
  for (const nic of [0, 1]) {
    const sent = await nicActivities.createNic({ machine, nic }, { services, client: Object.create(null) });
    await finished(services.arm, sent.operation ? { operation: sent.operation } : {});
  }
  const made = idOf("recovery", "Microsoft.Network/networkInterfaces", "ledger-back");
  const { properties } = await getNetworkInterface(box.client, made);
  expect(properties.networkSecurityGroup?.id).toBe(rules("nic-recovery", "recovery"));
});

test("a subnet that a second machine needs is added, and what others added stays", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  await finished(
    box.client,
    await box.client.put(`${NETWORK}/subnets/theirs`, { properties: { addressPrefix: "10.1.50.0/24" } }),
  );
  await finished(
    box.client,
    await box.client.put(`${network("net")}/subnets/new`, { properties: { addressPrefix: "10.1.3.0/24" } }),
  );
  const second = await makeMachine(box, "till", [{ name: "till-nic", subnet: "new" }]);
  await makeTarget(services, await asked(services, second));
  const { subnets } = (await getVirtualNetwork(box.client, NETWORK)).properties;
  expect(subnets.map(({ name }) => name)).toEqual(["apps", "data", "sql", "theirs", "new"]);
});

test("a mapping is made both ways, and the next machine of the network follows it", async () => {
  const services = appAt(box);
  const other = idOf("other", "Microsoft.Network/virtualNetworks", "hall");
  await box.client.put(groupId("other"), { location: NORTH });
  const subnets = ["front", "rear"].map((name, at) => ({
    name,
    properties: { addressPrefix: `10.9.${at}.0/24` },
  }));
  const body = {
    location: NORTH,
    properties: { addressSpace: { addressPrefixes: ["10.9.0.0/16"] }, subnets },
  };
  await finished(box.client, await box.client.put(other, body));
  const request = { network: other, nics: [{ name: "LEDGER-BACK", subnet: "rear" }] };
  await makeTarget(services, await asked(services, vm, request));
  const rows = [];
  for await (const { source, target, subnets: moved, by } of services.records.mappings.list())
    rows.push({ source, target, moved, by });
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual({
    source: network("net"),
    target: other,
    moved: { apps: "front", data: "rear" },
    by: "caller",
  });
  expect(rows).toContainEqual({
    source: other,
    target: network("net"),
    moved: { front: "apps", rear: "data" },
    by: "caller",
  });
  const second = await asked(
    services,
    await makeMachine(box, "till", [{ name: "till-nic", subnet: "data" }]),
  );
  await makeTarget(services, second);
  const target = (await services.records.items.get(itemKeyOf(second)))?.value.target;
  expect(target?.nics?.[0]?.subnet).toBe(armId(`${other}/subnets/rear`));
  expect(await box.client.find(NETWORK)).toBeUndefined();
});

test("what was asked for and cannot be had is said with its field, and nothing is made", async () => {
  const services = appAt(box);
  const nowhere = network("nowhere", "other");
  const machine = await asked(services, vm, { network: nowhere, nics: [{ name: "eth9", subnet: "x" }] });
  const trying = makeTarget(services, machine);
  await expect(trying).rejects.toMatchObject({ code: "SourceUnsuitable" });
  await expect(trying).rejects.toThrow(/no network interface eth9 \(properties.leeward.target.nics\)/);
  await expect(trying).rejects.toThrow(/there is no .*nowhere, which is named by recoveryAzureNetworkId/);
  expect(await box.client.find(groupId("recovery"))).toBeUndefined();
});

test("a dry run says what an enablement then does, and changes nothing, in Azure or in the records", async () => {
  const writes: string[] = [];
  const services = appAt(box, counting(box.client, writes));
  const wish = wishFor(vm);
  const { properties: plan } = await dryRun(services, wish);
  expect(writes).toEqual([]);
  for await (const row of services.records.mappings.list()) expect.fail(`${row.source} was mapped`);
  for await (const one of services.records.plans.list()) expect.fail(`a plan of ${one.machine} was kept`);
  expect(plan).toMatchObject({ possible: true, errors: [], targetRegion: NORTH });
  const machine = await asked(services, vm);
  await makeTarget(services, machine);
  const ofEnablement = plan.resources.filter(
    ({ how, why }) => how === "make" && !why.startsWith("at a failover"),
  );
  expect(new Set(writes)).toEqual(new Set(ofEnablement.map(({ id }) => id)));
  const target = (await services.records.items.get(itemKeyOf(machine)))?.value.target;
  expect(plan.networkInterfaces.map(({ subnet }) => subnet)).toEqual(
    target?.nics?.map(({ subnet }) => subnet),
  );
});

test("a dry run says what cannot be had, and what is there already", async () => {
  const services = appAt(box);
  const zoned = wishFor(vm, { size: "Standard_Unknown", network: network("nowhere", "other") });
  const { properties: refused } = await dryRun(services, zoned);
  expect(refused.possible).toBe(false);
  expect(refused.errors.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["SizeMissing", "SourceUnsuitable"]),
  );
  await makeTarget(services, await asked(services, vm));
  const { properties: again } = await dryRun(services, wishFor(vm));
  const made = again.resources.filter(({ how }) => how === "make").map(({ why }) => why.split(";")[0]);
  expect(new Set(made)).toEqual(new Set(["at a failover"]));
});

test("what the caller chooses is what the copy is built by", async () => {
  const services = appAt(box);
  const disk = idOf("shop", "Microsoft.Compute/disks", "ledger-os");
  const encryptionSet = idOf("keys", "Microsoft.Compute/diskEncryptionSets", "keys");
  await box.client.put(groupId("keys"), { location: NORTH });
  const activeKey = { keyUrl: "https://vault.invalid/keys/k/1" };
  await box.client.put(encryptionSet, { location: NORTH, properties: { activeKey } });
  const machine = await asked(services, vm, {
    zone: "2",
    size: "Standard_D4s_v5",
    vmName: "ledger-dr",
    diskKinds: [{ disk, sku: "StandardSSD_LRS", encryptionSet }],
    nics: [{ name: "ledger-front", subnet: "data", address: "10.7.1.9" }],
  });
  await makeTarget(services, machine);
  expect((await services.records.items.get(itemKeyOf(machine)))?.value.target).toMatchObject({
    zone: "2",
    size: "Standard_D4s_v5",
    vm: idOf("recovery", "Microsoft.Compute/virtualMachines", "ledger-dr"),
    disks: [{ index: 0, sku: "StandardSSD_LRS", encryptionSet }],
    nics: [{ subnet: `${NETWORK}/subnets/data`, address: "10.7.1.9" }, { subnet: `${NETWORK}/subnets/data` }],
  });
});

test("the app is given roles on the accounts that are made, once, and only where it is set to", async () => {
  const services = appAt(box);
  const machine = await asked(services, vm);
  await makeTarget(services, machine);
  const given = async (app: typeof services) => {
    await targetActivities.assignRoles({ machine }, { services: app, client: Object.create(null) });
    const target = (await services.records.items.get(itemKeyOf(machine)))?.value.target;
    const found: unknown[] = [];
    for (const scope of [target?.cache.id, target?.replica?.id])
      for await (const one of box.client.list(`${scope}/providers/Microsoft.Authorization/roleAssignments`, {
        query: { $filter: "atScope()" },
      }))
        found.push(one);
    return found;
  };
  expect(await given(services)).toEqual([]);
  const settings = { ...services.settings, rolesFor: "55555555-5555-4555-8555-555555555555" };
  const once = await given({ ...services, settings });
  expect(once).toHaveLength(3);
  expect(once).toContainEqual(
    expect.objectContaining({
      properties: expect.objectContaining({
        principalId: settings.rolesFor,
        principalType: "ServicePrincipal",
      }),
    }),
  );
  expect(await given({ ...services, settings })).toEqual(once);
});

const failNetwork = () =>
  box.admin("POST", "/box/faults", { kind: "fail-operation", path: "virtualNetworks/net-recovery" });

test("a network whose making failed is made again, unless somebody has put a subnet into it", async () => {
  const services = appAt(box);
  const machine = await asked(services, vm);
  await failNetwork();
  await expect(makeTarget(services, machine)).rejects.toMatchObject({ code: "ArmFailed" });
  await makeTarget(services, machine);
  const before = await getVirtualNetwork(box.client, NETWORK);
  expect(before.properties.provisioningState).toBe("Succeeded");
  await failNetwork();
  const theirs = box.client.put(`${NETWORK}/subnets/theirs`, {
    properties: { addressPrefix: "10.1.50.0/24" },
  });
  await expect(finished(box.client, await theirs)).rejects.toMatchObject({ code: "ArmFailed" });
  await expect(makeTarget(services, machine)).rejects.toMatchObject({
    code: "ForeignResource",
    message: expect.stringContaining("subnets that are not Leeward's (theirs)"),
  });
  const { subnets } = (await getVirtualNetwork(box.client, NETWORK)).properties;
  expect(subnets.map(({ name }) => name)).toContain("theirs");
});

test("what looks like ours and is not is passed by, and stays as it is", async () => {
  await box.client.put(groupId("recovery"), { location: NORTH });
  const properties = { addressSpace: { addressPrefixes: ["172.16.0.0/16"] }, subnets: [] };
  await finished(box.client, await box.client.put(NETWORK, { location: NORTH, properties }));
  const look = async () => (await box.client.get(NETWORK)).body;
  const before = await look();
  const services = appAt(box);
  const machine = await asked(services, vm);
  await makeTarget(services, machine);
  expect(await look()).toEqual(before);
  const target = (await services.records.items.get(itemKeyOf(machine)))?.value.target;
  expect(target?.network).toMatch(/\/net-[0-9a-f]{8}-recovery$/);
});
