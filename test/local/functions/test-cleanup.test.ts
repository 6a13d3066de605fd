import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureNetworkInterface } from "../../../engine/azure/network.ts";
import { ensureGuard, ensureIsolatedNetwork } from "../../../engine/azure/isolated-network.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginTest, beginTestCleanup, testJobOf } from "../../../engine/recovery/test-failover.ts";
import { testOf } from "../../../engine/recovery/test-target.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { testActivities } from "../../../functions/activities/testing.ts";
import type { Services } from "../../../functions/services.ts";
import { protectedItem } from "../../unit/engine/recovery/fixture.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox } from "../arm/fixture.ts";

let arm: TestBox;
beforeAll(async () => void (arm = await startBox()));
afterAll(() => arm.close());

const NICS = ["front", "back"].map((name, at) => ({
  name,
  primary: at === 0,
  subnet: "apps",
  acceleratedNetworking: false,
}));

/** A test of a machine with two NICs, of which nothing was made yet, and its clean-up has begun. */
async function cleaning() {
  const plain = protectedItem();
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const item = protectedItem({
    source: {
      region: "west",
      vmSize: "Standard_D2s_v5",
      tags: {},
      principal: "p",
      nics: NICS,
      disks: [],
      network: { name: "net", addressPrefixes: ["10.1.0.0/16"], subnets },
    },
    target: {
      region: NORTH,
      resourceGroup: groupId("drill"),
      network: idOf("drill", "Microsoft.Network/virtualNetworks", "net"),
      vm: idOf("drill", "Microsoft.Compute/virtualMachines", "shop"),
      cache: { id: idOf("drill", "Microsoft.Storage/storageAccounts", "cache") },
    },
  });
  const records = recordsIn(new MemoryRecordStore());
  await records.items.create(itemKey(item.id), item);
  const services: Services = Object.assign(Object.create(null), {
    arm: arm.client,
    records,
    clock: systemClock,
    target: new MemoryObjectStore(),
  });
  const now = systemClock.now();
  const failed = beginTest(item, { now });
  const made = { ...failed, test: { ...testOf(failed), state: "failed" as const } };
  const begun = beginTestCleanup(made, { now });
  await records.items.update(itemKey(item.id), () => begun);
  const job = testJobOf(begun);
  await records.jobs.create(job.operation, job);
  const input = { machine: plain.machine, operation: job.operation };
  return { records, input, item: begun, tools: { services, client: Object.create(null) } };
}

test("a clean-up takes what is the test's and leaves, by name, what only looks like it", async () => {
  const { records, input, item, tools } = await cleaning();
  const { machine } = input;
  const { client } = arm;
  await client.put(groupId("drill"), { location: NORTH });
  const at = { location: NORTH };
  const { network } = testOf(item).place;
  const guard = idOf("drill", "Microsoft.Network/networkSecurityGroups", "shop-test");
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const guarded = { ...at, id: guard, owner: { machine, role: "test-guard" }, prefixes: ["10.1.0.0/24"] };
  await finished(client, await ensureGuard(client, guarded));
  const isolated = { ...at, id: network, owner: { machine, role: "test-network" }, guard, subnets };
  await finished(client, await ensureIsolatedNetwork(client, isolated));
  const foreign = idOf("drill", "Microsoft.Network/virtualNetworks", "theirs");
  const theirs = { ...isolated, id: foreign, owner: { machine: "shared", role: "network" } as const };
  await finished(client, await ensureIsolatedNetwork(client, { ...theirs, guard: await otherGuard(guard) }));
  const nic = (name: string, role: string, net: ArmId) =>
    ensureNetworkInterface(client, {
      ...at,
      id: idOf("drill", "Microsoft.Network/networkInterfaces", name),
      subnet: armId(`${net}/subnets/apps`),
      addresses: [{ name: "primary", version: "IPv4" }],
      owner: { machine, role },
    });
  await finished(client, await nic("front-test", "test-nic", network));
  // The failover's role under a name of the test's; and a neighbour under the test's role, but another name.
  await finished(client, await nic("back-test", "target-nic", foreign));
  await finished(client, await nic("side-test", "test-nic", foreign));

  const { parts } = await testActivities.planTestCleanup(input, tools);
  expect(parts).toEqual([{ kind: "nic", at: 0 }, { kind: "network" }, { kind: "guard" }]);
  for (const part of parts)
    await finished(client, await testActivities.removeTestPart({ machine, part }, tools));

  const removed = (await records.jobs.get(input.operation))?.value.removed;
  expect(removed?.deleted.map(({ name }) => name.split("/").at(-1))).toEqual([
    "front-test",
    "shop-test",
    "shop-test",
  ]);
  expect(removed?.left).toMatchObject([
    { type: "Microsoft.Network/networkInterfaces", why: expect.stringContaining("leeward-role=test-nic") },
  ]);
  const there = async (id: ArmId) => (await client.find(id)) !== undefined;
  expect(await there(network)).toBe(false);
  expect(await there(guard)).toBe(false);
  for (const name of ["back-test", "side-test"])
    expect(await there(idOf("drill", "Microsoft.Network/networkInterfaces", name))).toBe(true);
  expect(await there(foreign)).toBe(true);
  // Once more: nothing is there of it.
  expect((await testActivities.planTestCleanup(input, tools)).parts).toEqual([]);
  const part = { kind: "nic", at: 1 } as const;
  await expect(testActivities.removeTestPart({ machine, part }, tools)).rejects.toMatchObject({
    code: "ForeignResource",
  });
});

async function otherGuard(like: ArmId): Promise<ArmId> {
  const id = armId(`${like}-other`);
  const owner = { machine: "shared", role: "network" } as const;
  await finished(arm.client, await ensureGuard(arm.client, { id, location: NORTH, owner, prefixes: [] }));
  return id;
}
