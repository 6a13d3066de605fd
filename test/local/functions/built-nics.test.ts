import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { vmNic } from "../../../engine/contract/vm-nic.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { retargeted } from "../../../engine/recovery/retarget.ts";
import { vmNics } from "../../../functions/vm-nics.ts";
import { NORTH, type TestBox, groupId, idOf, startBox } from "../arm/fixture.ts";
import { VM, cancel, failOver, made, makeSource, protect } from "./built-scene.ts";

/** What the item says of its interfaces, before, behind and without a failover; ASR's clients choose by it. */

let box: TestBox;
beforeEach(async () => {
  box = await startBox({ config: { retryAfter: 0, operationTime: 0 } });
  await makeSource(box);
});
afterEach(() => box.close());

const source = (type: string, name: string) => idOf("shop", type, name);
const target = (type: string, name: string) => idOf("recovery", type, name);
const NIC = "Microsoft.Network/networkInterfaces";
const NETWORK = target("Microsoft.Network/virtualNetworks", "net-recovery");

const fixed = (name: string, isPrimary: boolean, subnet: string, address: string) => ({
  name,
  isPrimary,
  subnetName: subnet,
  staticIPAddress: address,
  ipAddressType: "Static",
  isSeletedForFailover: true,
  recoverySubnetName: subnet,
  recoveryStaticIPAddress: address,
  recoveryIPAddressType: "Static",
  tfoSubnetName: null,
});

test("before a failover: the source's interfaces with all addresses, and what they will become", async () => {
  const { item } = await protect(box);
  const nics = vmNics(item);
  expect(z.array(vmNic).parse(nics)).toEqual(nics);
  expect(nics).toMatchObject([
    {
      nicId: source(NIC, "front"),
      replicaNicId: null,
      sourceNicArmId: source(NIC, "front"),
      vMNetworkName: "net",
      recoveryVMNetworkId: NETWORK,
      selectionType: "SelectedByDefault",
      recoveryNicName: "front",
      recoveryNicResourceGroupName: "recovery",
      tfoRecoveryNicName: "front-test",
      enableAcceleratedNetworkingOnRecovery: true,
      ipConfigs: [fixed("main", true, "apps", "10.1.1.10"), fixed("virtual", false, "apps", "10.1.1.20")],
    },
    {
      nicId: source(NIC, "back"),
      enableAcceleratedNetworkingOnRecovery: false,
      ipConfigs: [fixed("main", true, "backup", "10.1.2.10")],
    },
  ]);
});

test("behind it: the interfaces that were made, with the addresses that they were given; cancelled, as before", async () => {
  const scene = await protect(box);
  await box.client.put(groupId("theirs"), { location: NORTH });
  const configuration = {
    subnet: { id: `${NETWORK}/subnets/apps` },
    privateIPAllocationMethod: "Static",
    privateIPAddress: "10.1.1.10",
  };
  await made(box, idOf("theirs", NIC, "taken"), {
    location: NORTH,
    properties: { ipConfigurations: [{ name: "a", properties: configuration }] },
  });
  const { item } = await failOver(scene);
  expect(vmNics(item)).toMatchObject([
    {
      replicaNicId: target(NIC, "front"),
      ipConfigs: [
        {
          ...fixed("main", true, "apps", "10.1.1.10"),
          recoveryStaticIPAddress: "10.1.1.4",
          recoveryIPAddressType: "Dynamic",
        },
        fixed("virtual", false, "apps", "10.1.1.20"),
      ],
    },
    { replicaNicId: target(NIC, "back"), ipConfigs: [fixed("main", true, "backup", "10.1.2.10")] },
  ]);
  const back = await cancel(scene);
  expect(vmNics(back.item)).toEqual(vmNics(scene.item));
});

test("the source's primary interface is the copy's, wherever it stands among the others", async () => {
  const { body } = await box.client.get(VM);
  const vm = z
    .looseObject({
      location: z.string(),
      properties: z.looseObject({
        networkProfile: z.object({ networkInterfaces: z.array(z.looseObject({ id: z.string() })) }),
      }),
    })
    .parse(body);
  const { networkInterfaces } = vm.properties.networkProfile;
  const { provisioningState: _, vmId: __, timeCreated: ___, ...properties } = vm.properties;
  await made(box, VM, {
    location: vm.location,
    identity: { type: "SystemAssigned" },
    properties: { ...properties, networkProfile: { networkInterfaces: networkInterfaces.toReversed() } },
  });
  const scene = await protect(box);
  expect(scene.item.source?.nics.map(({ name, primary }) => [name, primary])).toEqual([
    ["front", true],
    ["back", false],
  ]);
  const { item } = await failOver(scene);
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  const copy = await box.client.get(target("Microsoft.Compute/virtualMachines", "ledger"));
  expect(copy.body).toMatchObject({
    properties: {
      networkProfile: {
        networkInterfaces: [{ id: target(NIC, "front"), properties: { primary: true } }, {}],
      },
    },
  });
});

test("an interface that was given another name and no acceleration is made so", async () => {
  const scene = await protect(box);
  const nics = [{ name: "front", recoveryName: "front-2", acceleratedNetworking: false }];
  await scene.services.records.items.update(itemKeyOf(scene.item.machine), (old) =>
    retargeted(old, { nics, disks: [] }),
  );
  const { item } = await failOver(scene);
  expect(vmNics(item)[0]).toMatchObject({
    replicaNicId: target(NIC, "front-2"),
    recoveryNicName: "front-2",
    enableAcceleratedNetworkingOnRecovery: false,
  });
  const { body } = await box.client.get(target(NIC, "front-2"));
  expect(body).toMatchObject({ properties: { enableAcceleratedNetworking: false } });
});
