import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../engine/core/units.ts";
import { itemKeyOf, sourceOf, targetOf } from "../../../engine/recovery/item.ts";
import type { ProtectionRequest } from "../../../engine/recovery/protection-request.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import { vmActivities } from "../../../functions/activities/vm.ts";
import { dryRun } from "../../../functions/plans.ts";
import { checkReadiness } from "../../../functions/readiness.ts";
import type { ArmSent } from "../../../orchestrations/contract.ts";
import { POINT } from "../../unit/engine/recovery/fixture.ts";
import { appAt, asked, makeMachine, makeNetwork, makeTarget, wishFor } from "./enabling.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
const compute = (type: string, name: string) => idOf("recovery", `Microsoft.Compute/${type}`, name);
const NEAR = compute("proximityPlacementGroups", "near");
const RESERVED = compute("capacityReservationGroups", "reserved");
const SCALE = compute("virtualMachineScaleSets", "scale");
const KEYS = compute("diskEncryptionSets", "keys");
const SIZE = "Standard_D2s_v5";
const put = async (id: string, body: object) => finished(box.client, await box.client.put(id, body));

beforeEach(async () => {
  box = await startBox();
  await makeNetwork(box);
  const SET = idOf("shop", "Microsoft.Compute/availabilitySets", "front");
  const domains = { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 };
  await put(SET, { location: WEST, sku: { name: "Aligned" }, properties: domains });
  vm = await makeMachine(box, "ledger", [{ name: "ledger-nic", subnet: "apps" }], { availabilitySet: SET });
  await put(groupId("recovery"), { location: NORTH });
  await put(NEAR, { location: NORTH, properties: { proximityPlacementGroupType: "Standard" } });
  await put(RESERVED, { location: NORTH, zones: ["1", "2"] });
  const sku = { name: SIZE, capacity: 2 };
  await put(`${RESERVED}/capacityReservations/two`, { location: NORTH, zones: ["2"], sku });
  const flexible = { orchestrationMode: "Flexible", platformFaultDomainCount: 1 };
  await put(SCALE, { location: NORTH, zones: ["2"], properties: flexible });
  const key = { keyUrl: "https://vault.invalid/keys/k/1" };
  await put(KEYS, { location: NORTH, identity: { type: "SystemAssigned" }, properties: { activeKey: key } });
});
afterEach(() => box.close());

/** Enables with the request, and makes the machine of it as a failover does. */
async function built(request: Partial<ProtectionRequest>) {
  const services = appAt(box);
  const machine = await asked(services, vm, request);
  await makeTarget(services, machine);
  const item = await services.records.items.update(itemKeyOf(machine), (old) => old);
  const target = targetOf(item);
  const tools = { services, client: Object.create(null) };
  const wait = async ({ operation }: ArmSent) => finished(services.arm, operation ? { operation } : {});
  await wait(await nicActivities.createNic({ machine, nic: 0 }, tools));
  const spec = {
    id: targetDisk(target, sourceOf(item).disks[0]?.name ?? "", POINT),
    location: NORTH,
    sku: "Premium_LRS",
    source: { from: "empty", size: bytes(GIB) } as const,
    ...(target.zone && { zones: [target.zone] }),
    encryptionSet: target.disks?.[0]?.encryptionSet,
    owner: { machine, role: "target-disk" } as const,
  };
  await finished(box.client, await ensureDisk(box.client, spec));
  await wait(await vmActivities.createVm({ machine, point: POINT }, tools));
  return { item, target, body: (await box.client.get(target.vm)).body };
}

test("a machine comes up in the scale set, on the reserved capacity, with its disks encrypted and its diagnostics kept as asked", async () => {
  const disk = idOf("shop", "Microsoft.Compute/disks", "ledger-os");
  const account = idOf("recovery", "Microsoft.Storage/storageAccounts", "diagnostics1");
  await put(account, { location: NORTH, kind: "StorageV2", sku: { name: "Standard_LRS" }, properties: {} });
  const { target, body } = await built({
    zone: "2",
    scaleSet: SCALE,
    capacityReservationGroup: RESERVED,
    bootDiagnosticsAccount: account,
    diskKinds: [{ disk, encryptionSet: KEYS }],
  });
  expect(target.availabilitySet).toBeUndefined();
  expect(body).toMatchObject({
    zones: ["2"],
    properties: {
      virtualMachineScaleSet: { id: SCALE },
      capacityReservation: { capacityReservationGroup: { id: RESERVED } },
      diagnosticsProfile: {
        bootDiagnostics: { enabled: true, storageUri: expect.stringMatching(/^https:\/\/127\.0\.0\.1/) },
      },
    },
  });
  await expect(box.client.delete(SCALE)).rejects.toMatchObject({ code: "ArmFailed" });
});

test("the availability set is made in the proximity group that the machine is to be in", async () => {
  const { target, body } = await built({ proximityPlacementGroup: NEAR });
  expect(body).toMatchObject({
    properties: { proximityPlacementGroup: { id: NEAR }, availabilitySet: { id: target.availabilitySet } },
  });
  expect((await box.client.get(target.availabilitySet ?? "")).body).toMatchObject({
    properties: { proximityPlacementGroup: { id: NEAR } },
  });
});

test("a set that is elsewhere is said before anything is made", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  const { errors } = (await dryRun(services, wishFor(vm, { proximityPlacementGroup: NEAR }))).properties;
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /front-recovery is in no proximity placement group \(recoveryProximityPlacementGroupId\)/,
    ),
  ]);
});

test("what cannot be had is found before anything is made, each with its code and field", async () => {
  const away = compute("proximityPlacementGroups", "away");
  await put(away, { location: WEST, properties: {} });
  const services = appAt(box);
  const found = async (request: Partial<ProtectionRequest>) =>
    (await dryRun(services, wishFor(vm, request))).properties.errors.map(({ code }) => code);
  const gone = compute("virtualMachineScaleSets", "gone");
  expect(await found({ proximityPlacementGroup: away })).toEqual(["PlacementElsewhere"]);
  expect(await found({ scaleSet: gone, zone: "2" })).toEqual(["PlacementMissing"]);
  expect(await found({ scaleSet: SCALE, zone: "1" })).toEqual(["PlacementZone"]);
  expect(await found({ capacityReservationGroup: RESERVED, zone: "1" })).toEqual(["ReservationMissing"]);
  expect(await found({ capacityReservationGroup: RESERVED, zone: "2" })).toEqual([]);
  const machine = await asked(services, vm, { proximityPlacementGroup: away });
  await expect(makeTarget(services, machine)).rejects.toThrow(/PlacementElsewhere: .*away is in westeurope/);
  const disk = idOf("shop", "Microsoft.Compute/disks", "ledger-os");
  const none = compute("diskEncryptionSets", "none");
  expect(await found({ diskKinds: [{ disk, encryptionSet: none }] })).toEqual(["PlacementMissing"]);
});

test.each([
  [
    "a proximity group of another region",
    { proximityPlacementGroup: { id: compute("proximityPlacementGroups", "away") } },
    "BadRequest",
  ],
  [
    "a proximity group that is not there",
    { proximityPlacementGroup: { id: compute("proximityPlacementGroups", "none") } },
    "NotFound",
  ],
  ["a scale set of other zones", { virtualMachineScaleSet: { id: SCALE } }, "BadRequest"],
  [
    "reserved capacity in a proximity group",
    {
      proximityPlacementGroup: { id: NEAR },
      capacityReservation: {
        capacityReservationGroup: { id: compute("capacityReservationGroups", "regional") },
      },
    },
    "BadRequest",
  ],
  [
    "reserved capacity of another size",
    {
      capacityReservation: {
        capacityReservationGroup: { id: compute("capacityReservationGroups", "regional") },
      },
    },
    "BadRequest",
  ],
])("Azure takes no machine with %s", async (_, properties, code) => {
  await put(compute("proximityPlacementGroups", "away"), { location: WEST, properties: {} });
  const regional = compute("capacityReservationGroups", "regional");
  await put(regional, { location: NORTH });
  await put(`${regional}/capacityReservations/four`, {
    location: NORTH,
    sku: { name: "Standard_D4s_v5", capacity: 1 },
  });
  const disk = compute("disks", "os");
  const empty = { from: "empty", size: bytes(GIB) } as const;
  const owner = { machine: "shared", role: "source" } as const;
  await finished(
    box.client,
    await ensureDisk(box.client, { id: disk, location: NORTH, sku: "Premium_LRS", source: empty, owner }),
  );
  const network = idOf("recovery", "Microsoft.Network/virtualNetworks", "n");
  const subnets = [{ name: "s", properties: { addressPrefix: "10.3.0.0/24" } }];
  await put(network, {
    location: NORTH,
    properties: { addressSpace: { addressPrefixes: ["10.3.0.0/16"] }, subnets },
  });
  const nic = idOf("recovery", "Microsoft.Network/networkInterfaces", "n");
  const ip = { name: "ip", properties: { subnet: { id: `${network}/subnets/s` } } };
  await put(nic, { location: NORTH, properties: { ipConfigurations: [ip] } });
  const id = compute("virtualMachines", "m");
  const body = virtualMachineBody({
    id,
    location: NORTH,
    size: SIZE,
    osDisk: { id: disk, caching: "None", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: [nic],
    owner,
  });
  const making = box.client.put(id, { ...body, properties: { ...body.properties, ...properties } });
  await expect(making).rejects.toMatchObject({ code: "ArmFailed", message: expect.stringContaining(code) });
});

test("where a machine was sent since it was enabled is what is looked at from then on", async () => {
  const services = appAt(box);
  const machine = await asked(services, vm, { scaleSet: SCALE, zone: "2" });
  await makeTarget(services, machine);
  const gone = armId(`${SCALE}-gone`);
  const item = await services.records.items.update(itemKeyOf(machine), (old) => ({
    ...old,
    state: "Protected",
    target: { ...targetOf(old), scaleSet: gone },
  }));
  await checkReadiness(services, item);
  const { found } = (await services.records.readiness.get(machine))?.value ?? {};
  expect(found?.filter(({ code }) => code === "PlacementMissing")).toMatchObject([
    { message: expect.stringContaining(gone) },
  ]);
});
