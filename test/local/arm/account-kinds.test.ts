import { afterEach, beforeEach, expect, test } from "vitest";
import { storedBesideBlobs } from "../../../engine/azure/stored-beside.ts";
import { getStorageAccount } from "../../../engine/azure/storage-account.ts";
import type { ArmId } from "../../../engine/core/ids.ts";
import { itemKeyOf, targetOf } from "../../../engine/recovery/item.ts";
import { dryRun } from "../../../functions/plans.ts";
import { appAt, asked, counting, makeLedger, makeMachine, makeTarget, wishFor } from "./enabling.ts";
import { type TestBox, finished, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
beforeEach(async () => {
  box = await startBox();
  vm = await makeLedger(box);
});
afterEach(() => box.close());

test("accounts of another kind are made under names of their own, as the dry run says, and found again", async () => {
  const services = appAt(box);
  const kinds = { cacheSku: "Premium_LRS", replicaSku: "Standard_ZRS" } as const;
  const { resources } = (await dryRun(services, wishFor(vm, kinds))).properties;
  expect(resources.flatMap(({ role, sku }) => (sku ? [[role, sku]] : []))).toEqual([
    ["cache", "Premium_LRS"],
    ["replica", "Standard_ZRS"],
  ]);
  const machine = await asked(services, vm, kinds);
  await makeTarget(services, machine);
  const found = (await services.records.items.get(itemKeyOf(machine)))?.value;
  expect(found).toBeDefined();
  const { cache, replica } = found ? targetOf(found) : { cache: { id: vm } };
  expect(await getStorageAccount(box.client, cache.id)).toMatchObject({
    kind: "BlockBlobStorage",
    sku: { name: "Premium_LRS" },
  });
  expect(await getStorageAccount(box.client, replica?.id ?? vm)).toMatchObject({
    kind: "StorageV2",
    sku: { name: "Standard_ZRS" },
  });
  expect(await storedBesideBlobs(box.client, cache.id)).toBeUndefined();
  const writes: string[] = [];
  await makeTarget({ ...services, arm: counting(services.arm, writes) }, machine);
  expect(writes).toEqual([]);
  const second = await makeMachine(box, "till", [{ name: "till-nic", subnet: "apps" }]);
  const usual = (await dryRun(services, wishFor(second))).properties.resources;
  expect(usual.filter(({ sku }) => sku).map(({ how, sku }) => [how, sku])).toEqual([
    ["make", "Standard_LRS"],
    ["make", "Standard_LRS"],
  ]);
});

test("the simulator refuses kinds that Azure does not have, and to turn one into the other", async () => {
  const account = `${vm.slice(0, vm.indexOf("/providers/"))}/providers/Microsoft.Storage/storageAccounts/lwtest`;
  const put = (kind: string, name: string) =>
    box.client.put(account, { location: "westeurope", kind, sku: { name }, properties: {} });
  await expect(put("BlockBlobStorage", "Standard_LRS")).rejects.toMatchObject({ code: "ArmFailed" });
  await expect(put("StorageV2", "Premium_GRS")).rejects.toMatchObject({ code: "ArmFailed" });
  await finished(box.client, await put("StorageV2", "Standard_LRS"));
  await expect(put("StorageV2", "Premium_LRS")).rejects.toMatchObject({ code: "ArmFailed" });
});
