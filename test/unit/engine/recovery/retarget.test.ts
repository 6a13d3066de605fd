import { expect, test } from "vitest";
import { armId } from "../../../../engine/core/ids.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { type TargetChange, retargeted } from "../../../../engine/recovery/retarget.ts";
import { SOURCE, VM, built } from "./fixture.ts";

const NOTHING: TargetChange = { nics: [], disks: [] };
const NET = armId(VM.replace(/Microsoft.Compute.*$/, "Microsoft.Network/virtualNetworks/other"));
const item = (): ItemRecord => {
  const { failover: _, ...rest } = built();
  const nics = [
    { name: "front", primary: true, subnet: "apps", acceleratedNetworking: false },
    { name: "back", primary: false, subnet: "backup", acceleratedNetworking: false },
  ];
  return { ...rest, state: "Protected", source: { ...SOURCE, nics } };
};

test("what is not named stays, and the same change once more changes nothing", () => {
  const old = item();
  const once = retargeted(old, { ...NOTHING, vmName: "ledger-b", size: "Standard_E4s_v5" });
  expect(once.target).toMatchObject({
    vm: expect.stringMatching(/\/ledger-b$/),
    size: "Standard_E4s_v5",
    network: old.target?.network,
  });
  expect(once.request).toEqual(old.request);
  expect(retargeted(once, { ...NOTHING, vmName: "ledger-b", size: "Standard_E4s_v5" })).toBe(once);
});

test("an interface gets the subnet, the address and the rules that are named, and the others keep theirs", () => {
  const changed = retargeted(item(), {
    ...NOTHING,
    nics: [{ name: "FRONT", subnet: "dmz", address: "10.9.0.4" }],
  });
  expect(changed.target?.nics).toMatchObject([
    { name: "front", subnet: expect.stringMatching(/\/subnets\/dmz$/), address: "10.9.0.4" },
    { name: "back", subnet: expect.stringMatching(/\/subnets\/backup$/) },
  ]);
});

test("in another network an interface goes to the subnet of its name, or else to the first", () => {
  const network = { id: NET, subnets: ["default", "Backup"] };
  const { target } = retargeted(item(), { ...NOTHING, network });
  expect(target?.network).toBe(NET);
  expect(target?.nics?.map(({ subnet }) => subnet)).toEqual([
    `${NET}/subnets/default`,
    `${NET}/subnets/Backup`,
  ]);
  const named = { ...NOTHING, network, nics: [{ name: "front", subnet: "apps" }] };
  expect(() => retargeted(item(), named)).toThrow("has no subnet apps");
});

test("a disk gets another kind, beside what it was given before", () => {
  const { target } = retargeted(item(), { ...NOTHING, disks: [{ id: VM, sku: "StandardSSD_LRS" }] });
  expect(target?.disks).toEqual([{ index: 0, sku: "StandardSSD_LRS" }]);
});

test("what does not fit is refused by name, and so is a machine that is being built", () => {
  const change = (wish: Partial<TargetChange>) => () => retargeted(item(), { ...NOTHING, ...wish });
  expect(change({ nics: [{ name: "third" }] })).toThrow("no network interface third");
  expect(change({ disks: [{ id: NET, sku: "Premium_LRS" }] })).toThrow("other is none of its disks");
  expect(() => retargeted({ ...item(), state: "FailingOver" }, NOTHING)).toThrow("is FailingOver");
  const zoned = item();
  const target = zoned.target && { ...zoned.target, zone: "1" };
  const set = { ...NOTHING, availabilitySet: NET };
  expect(() => retargeted({ ...zoned, target }, set)).toThrow(
    "recoveryAvailabilitySetId: a machine is in a zone or in an availability set",
  );
});

test("two interfaces cannot have one name, in whatever casing", () => {
  const nics = [{ name: "front", recoveryName: "BACK" }];
  expect(() => retargeted(item(), { ...NOTHING, nics })).toThrow("two interfaces would be called back");
  const swapped = [...nics, { name: "back", recoveryName: "front" }];
  expect(retargeted(item(), { ...NOTHING, nics: swapped }).target?.nics).toMatchObject([
    { name: "front", recoveryName: "BACK" },
    { name: "back", recoveryName: "front" },
  ]);
});
