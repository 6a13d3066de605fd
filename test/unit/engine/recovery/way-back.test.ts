import { expect, test } from "vitest";
import { type ArmId, armId } from "../../../../engine/core/ids.ts";
import { GIB, bytes, diskIndex } from "../../../../engine/core/units.ts";
import type { ItemRecord, SourceMachine, TargetMachine } from "../../../../engine/recovery/item.ts";
import { lastSegment } from "../../../../engine/recovery/item.ts";
import { type WayBackFacts, planWayBack } from "../../../../engine/recovery/way-back.ts";
import { VM, failedOver } from "./fixture.ts";

const HOME = armId(VM.slice(0, VM.indexOf("/providers/")));
const AWAY = armId(`${HOME}-recovery`);
const inGroup = (group: ArmId, type: string, name: string) => armId(`${group}/providers/${type}/${name}`);
const network = (group: ArmId, name: string) => inGroup(group, "Microsoft.Network/virtualNetworks", name);
const disk = (group: ArmId, name: string, sku: string) => ({
  index: diskIndex(0),
  id: inGroup(group, "Microsoft.Compute/disks", name),
  name,
  size: bytes(GIB),
  sku,
  caching: "None" as const,
  osType: "Linux" as const,
});
const nic = (name: string, of: ArmId, subnet: string) => ({
  name,
  primary: name === "a",
  subnet,
  network: of,
  acceleratedNetworking: false,
});
const machine = (region: string, change: Partial<SourceMachine>): SourceMachine => ({
  region,
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: [],
  ...change,
});

const FROM = network(HOME, "net");
const TO = network(AWAY, "net-recovery");
const SOURCE = machine("here", {
  zone: "2",
  nics: [nic("a", FROM, "apps"), nic("b", FROM, "data")],
  disks: [{ ...disk(HOME, "os", "Premium_LRS"), encryptionSet: inGroup(HOME, "Microsoft.Compute/x", "k") }],
});
/** Two subnets at home lead to one there, so that the row of the way back knows one of them only. */
const TARGET: TargetMachine = {
  region: "there",
  resourceGroup: AWAY,
  network: TO,
  size: "Standard_D4s_v5",
  disks: [{ index: diskIndex(0), sku: "StandardSSD_LRS" }],
  nics: ["a", "b"].map((name) => ({ name, subnet: armId(`${TO}/subnets/front`) })),
  vm: inGroup(AWAY, "Microsoft.Compute/virtualMachines", "Ledger_VM"),
  cache: { id: inGroup(HOME, "Microsoft.Storage/storageAccounts", "c") },
};
const GIVEN: ItemRecord = { ...failedOver(), source: SOURCE, target: TARGET };
/** As the failover built it. */
const NOW = machine("there", {
  vmSize: "Standard_D4s_v5",
  nics: [nic("a", TO, "front"), nic("b", TO, "front")],
  disks: [disk(AWAY, "os-1", "StandardSSD_LRS")],
});

const there = new Map<string, { tags: Record<string, string>; subnets?: string[] }>([
  [HOME, { tags: {} }],
  [FROM, { tags: {}, subnets: ["apps", "data"] }],
]);
const plan = (change: Partial<WayBackFacts> = {}) =>
  planWayBack({
    given: GIVEN,
    now: NOW,
    region: "here",
    mapping: () => undefined,
    there: (id) => there.get(id),
    ...change,
  });

test("each interface goes to the subnet that it came from, also where several lead to one", () => {
  const { target, problems, changes } = plan();
  expect(target.nics?.map(({ subnet }) => subnet)).toEqual([`${FROM}/subnets/apps`, `${FROM}/subnets/data`]);
  expect(target).toMatchObject({ vm: VM, zone: "2", resourceGroup: HOME });
  expect([problems, changes]).toEqual([[], []]);
});

test("an interface that was moved since goes where the mapping leads its new subnet", () => {
  const yard = network(AWAY, "yard");
  const lane = network(HOME, "lane");
  const row = { format: 1 as const, name: "m", source: yard, target: lane, by: "caller" as const };
  const moved = { ...NOW, nics: [nic("a", yard, "rear"), nic("b", TO, "front")] };
  const { target, problems } = plan({
    now: moved,
    mapping: (id) => (id === yard ? { ...row, subnets: { rear: "side" } } : undefined),
  });
  expect(target.nics?.map(({ subnet }) => subnet)).toEqual([`${lane}/subnets/side`, `${FROM}/subnets/data`]);
  expect(problems).toEqual([`the network ${lane} is gone`]);
});

test("size and kinds of disks are as at first, unless they were changed since", () => {
  const asBuilt = plan();
  expect(asBuilt.target.size).toBe("Standard_D2s_v5");
  expect(asBuilt.target.disks).toMatchObject([{ sku: "Premium_LRS", encryptionSet: expect.anything() }]);
  const changed = plan({
    now: { ...NOW, vmSize: "Standard_D8s_v5", disks: [disk(AWAY, "os-1", "PremiumV2_LRS")] },
  });
  expect(changed.target.size).toBeUndefined();
  expect(changed.target.disks?.[0]?.sku).toBeUndefined();
});

test("a set that is gone is said, and what is somebody else's keeps its name", () => {
  const set = { name: "front", faultDomains: 2, updateDomains: 5 };
  const given = { ...GIVEN, source: { ...SOURCE, zone: undefined, availabilitySet: set } };
  const others = new Map([...there, [`${VM}`, { tags: {} }]]);
  const { target, changes } = plan({ given, there: (id) => others.get(id) });
  expect(target.availabilitySet).toBeUndefined();
  expect(lastSegment(target.vm)).toBe("Ledger_VM-back");
  expect(changes).toEqual([
    "front is gone, so the copy is in no availability set",
    "Ledger_VM is still there, so the copy is called Ledger_VM-back",
  ]);
  const ours = { tags: { "leeward-machine": GIVEN.machine, "leeward-role": "target-vm" } };
  const back = plan({ given, there: (id) => (id === VM ? ours : there.get(id)) });
  expect(back.target.vm).toBe(VM);
});
