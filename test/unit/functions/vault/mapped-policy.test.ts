import { expect, test } from "vitest";
import {
  type EnableProtectionRequest,
  enableProtectionRequest,
} from "../../../../engine/contract/enable-protection.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { itemKey } from "../../../../engine/recovery/item.ts";
import { recordsIn } from "../../../../engine/recovery/records.ts";
import { resourceKey } from "../../../../engine/recovery/resource-key.ts";
import { MemoryRecordStore } from "../../../../engine/storage/memory.ts";
import { withMappedPolicy } from "../../../../functions/vault/policy-of-item.ts";
import { protectedItem } from "../../engine/recovery/fixture.ts";

const VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";
const container = (name: string) =>
  armId(`${VAULT}/replicationFabrics/f/replicationProtectionContainers/${name}`);
const policy = (name: string) => armId(`${VAULT}/replicationPolicies/${name}`);
const ITEM = armId(`${container("a")}/replicationProtectedItems/shop`);

/** A vault in which these ways lead from container `a`, by policies of the same names. */
async function vaultWith(...targets: string[]) {
  const records = recordsIn(new MemoryRecordStore());
  for (const name of targets) {
    const id = armId(`${container("a")}/replicationProtectionContainerMappings/to-${name}`);
    await records.containerMappings.create(resourceKey(id), {
      format: 1,
      id,
      policy: policy(name),
      target: container(name),
      agentAutoUpdateStatus: "Disabled",
      automationAccountAuthenticationType: "RunAsAccount",
    });
  }
  return { records };
}

const body = (recoveryContainerId?: string, policyId?: string): EnableProtectionRequest =>
  enableProtectionRequest.parse({
    properties: {
      policyId,
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/shop",
        recoveryResourceGroupId: "/subscriptions/s/resourceGroups/r",
        recoveryContainerId,
      },
    },
  });

const policyOf = async (services: Awaited<ReturnType<typeof vaultWith>>, sent: EnableProtectionRequest) =>
  (await withMappedPolicy(services, ITEM, sent)).properties.policyId;

test("an item without a policy goes by that of the mapping to its target container, however that is spelt", async () => {
  const services = await vaultWith("b", "c");
  expect(await policyOf(services, body(container("c").toUpperCase()))).toBe(policy("c"));
});

test("one that names no container goes by the only mapping of its own, and by none of several", async () => {
  expect(await policyOf(await vaultWith("b"), body())).toBe(policy("b"));
  expect(await policyOf(await vaultWith("b", "c"), body())).toBeUndefined();
  expect(await policyOf(await vaultWith(), body(container("b")))).toBeUndefined();
});

test("a policy that is named holds", async () => {
  expect(await policyOf(await vaultWith("b"), body(container("b"), policy("own")))).toBe(policy("own"));
});

test("an item that there is keeps what it goes by, whatever was mapped since", async () => {
  const services = await vaultWith("b");
  const { policyId: _, ...item } = { ...protectedItem(), id: ITEM };
  await services.records.items.create(itemKey(ITEM), item);
  expect(await policyOf(services, body(container("b")))).toBeUndefined();
  await services.records.items.update(itemKey(ITEM), (old) => ({ ...old, policyId: policy("first") }));
  expect(await policyOf(services, body(container("b")))).toBe(policy("first"));
});
