import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { type ArmId, groupOf } from "../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../engine/core/units.ts";
import {
  type ItemRecord,
  itemKeyOf,
  lastSegment,
  sourceOf,
  targetOf,
} from "../../../engine/recovery/item.ts";
import type { ProtectionRequest } from "../../../engine/recovery/protection-request.ts";
import { targetDisk, targetNic } from "../../../engine/recovery/target-names.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import { mapNetwork } from "../../../functions/network-mappings.ts";
import { termsOf } from "../../../functions/reversal-target.ts";
import { giveAway, receive } from "../../../functions/reversal.ts";
import type { Services } from "../../../functions/services.ts";
import { POINT, failedOver } from "../../unit/engine/recovery/fixture.ts";
import { appAt, applications, asked, makeLedger, makeTarget, network, rules, SET } from "./enabling.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
beforeEach(async () => {
  box = await startBox();
  vm = await makeLedger(box, { availabilitySet: SET });
});
afterEach(() => box.close());

const put = async (id: ArmId, body: object) => finished(box.client, await box.client.put(id, body));
const drop = async (id: ArmId) => finished(box.client, await box.client.delete(id));

/** Enables the machine, and builds what a failover would. */
async function failOver(app: Services, request: Partial<ProtectionRequest> = {}): Promise<ItemRecord> {
  const machine = await asked(app, vm, request);
  await makeTarget(app, machine);
  const { failover, state } = failedOver();
  const item = await app.records.items.update(itemKeyOf(machine), (old) => ({
    ...old,
    state,
    failover: failover && { ...failover, operation: old.job.operation },
  }));
  const target = targetOf(item);
  const source = sourceOf(item);
  const tools = { services: app, client: Object.create(null) };
  for (const nic of source.nics.keys()) {
    const { operation } = await nicActivities.createNic({ machine, nic }, tools);
    await finished(app.arm, operation ? { operation } : {});
  }
  const id = targetDisk(target, "ledger-os", POINT);
  const owner = { machine, role: "target-disk" } as const;
  const empty = { from: "empty", size: bytes(GIB) } as const;
  await finished(
    box.client,
    await ensureDisk(box.client, { id, location: NORTH, sku: "Premium_LRS", source: empty, owner }),
  );
  const body = virtualMachineBody({
    id: target.vm,
    location: NORTH,
    size: target.size ?? source.vmSize,
    osDisk: { id, caching: "None", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: source.nics.map(({ name }) => targetNic(target, name)),
    availabilitySet: target.availabilitySet,
    owner,
  });
  const tags = { "leeward-machine": machine, "leeward-role": "target-vm" };
  await put(target.vm, { ...body, tags, identity: { type: "SystemAssigned" } });
  return item;
}

/** The app on the side that the machine came from, with records of its own. */
const homeApp = (): Services => {
  const app = appAt(box);
  return { ...app, settings: { ...app.settings, region: WEST } };
};

const NIC = "Microsoft.Network/networkInterfaces";

test("a machine goes back to its own group, networks, subnets, rules, set, size and names", async () => {
  const away = await failOver(appAt(box), {
    size: "Standard_D4s_v5",
    vmName: "ledger-dr",
    names: [{ source: network("net"), name: "hall" }],
    nics: [{ name: "ledger-front", recoveryName: "hall-nic" }],
  });
  await drop(vm);
  for (const name of ["ledger-front", "ledger-back"]) await drop(idOf("shop", NIC, name));
  const { terms, changes } = await termsOf(homeApp(), away);
  expect(changes).toEqual([]);
  expect(terms.vmId).toBe(idOf("recovery", "Microsoft.Compute/virtualMachines", "ledger-dr"));
  expect(terms.source).toMatchObject({ region: NORTH, vmSize: "Standard_D4s_v5" });
  const { target } = terms;
  expect(target).toMatchObject({
    region: WEST,
    resourceGroup: groupId("shop"),
    network: network("net"),
    availabilitySet: SET,
    size: "Standard_D2s_v5",
    vm,
    nics: [
      {
        name: "hall-nic",
        recoveryName: "ledger-front",
        subnet: `${network("net")}/subnets/apps`,
        applicationSecurityGroups: [applications("web")],
      },
      {
        name: "ledger-back",
        subnet: `${network("net")}/subnets/data`,
        networkSecurityGroup: rules("nic"),
      },
    ],
  });
  expect(target.nics?.map(({ name }) => targetNic(target, name))).toEqual(
    ["ledger-front", "ledger-back"].map((name) => idOf("shop", NIC, name)),
  );
  // Each side's accounts lie where its writes wait, and where its replica is.
  expect([target.cache.id, target.replica?.id ?? target.vm].map(groupOf)).toEqual(
    ["recovery", "shop"].map(groupId),
  );
});

test("while the old machine is there, the copy has names of its own, and says so", async () => {
  const away = await failOver(appAt(box));
  const { terms, changes } = await termsOf(homeApp(), away);
  expect(lastSegment(terms.target.vm)).toBe("ledger-back");
  expect(terms.target.nics?.map(({ recoveryName }) => recoveryName)).toEqual([
    "ledger-front-back",
    "ledger-back-back",
  ]);
  expect(changes).toEqual(
    ["ledger", "ledger-front", "ledger-back"].map(
      (name) => `${name} is still there, so the copy is called ${name}-back`,
    ),
  );
});

test("the mapping of this direction decides, and what is gone is named", async () => {
  const away = await failOver(appAt(box));
  const yard = network("yard");
  const subnets = ["front", "rear"].map((name, at) => ({
    name,
    properties: { addressPrefix: `10.9.${at}.0/24` },
  }));
  const properties = { addressSpace: { addressPrefixes: ["10.9.0.0/16"] }, subnets };
  await put(yard, { location: WEST, properties });
  const home = homeApp();
  const there = network("net-recovery", "recovery");
  await mapNetwork(home, "back", {
    properties: {
      recoveryNetworkId: yard,
      fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: there },
      leeward: { subnets: { apps: "front", data: "rear" } },
    },
  });
  const { terms } = await termsOf(home, away);
  expect(terms.target.network).toBe(yard);
  expect(terms.target.nics?.map(({ subnet }) => lastSegment(subnet))).toEqual(["front", "rear"]);
  await drop(yard);
  const trying = termsOf(home, away);
  await expect(trying).rejects.toMatchObject({ code: "SourceUnsuitable" });
  await expect(trying).rejects.toThrow(/cannot go back: the network .*yard is gone/);
});

test("the taking side's item is of the machine that runs now, and the way back again is the way there", async () => {
  const there = appAt(box);
  const away = await failOver(there);
  const home = homeApp();
  const { terms } = await termsOf(home, away);
  const given = await giveAway(there, away.machine, { failover: away.job.operation, to: WEST });
  const taken = await receive(home, given, terms);
  expect(taken).toMatchObject({ state: "Reversing", vmId: targetOf(away).vm, request: terms.request });
  const rows = [];
  for await (const { source, target } of home.records.mappings.list()) rows.push([source, target]);
  const copy = network("net-recovery", "recovery");
  expect(rows).toContainEqual([copy, network("net")]);
  expect(rows).toContainEqual([network("net"), copy]);
});
