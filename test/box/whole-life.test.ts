import { afterAll, beforeAll, expect, test } from "vitest";
import { allOrders, checkIntegrity } from "../../local/demo/ledger-client.ts";
import { LEDGER_DISK_BYTES } from "../../local/demo/ledger-disk.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture } from "./fixture.ts";
import {
  AWAY,
  COMMITTED,
  HOME,
  Life,
  NORTH,
  PENDING,
  PROTECTED,
  type Place,
  WEST,
  builtFrom,
  directionOf,
} from "./life.ts";
import { armOf, settled, shopId } from "./rich-machine.ts";
import { all } from "./site-recovery.ts";

/*
 * A machine's whole life by Microsoft's own client, over https and at one address: from an empty vault through a region's loss
 * to the machine at home again, and nothing left of its protection. The tests build on each other.
 */

const box = new BoxFixture();
let life: Life;

beforeAll(async () => {
  const machine = (name: string) => ({ name, disks: [LEDGER_DISK_BYTES] }) as const;
  await box.open("*/2 * * * * *", [machine("ledger"), machine("books")], undefined, undefined, true);
  life = new Life(box);
});
afterAll(async () => {
  await life.closeShop();
  await box.close();
});

const items = () => life.client.replicationProtectedItems;
const A2A = { instanceType: "A2A" } as const;

test("a vault is set up for both directions: fabrics, containers, a policy, mappings, networks", async () => {
  for (const [[fabric, container], location] of [
    [HOME, WEST],
    [AWAY, NORTH],
  ] as const) {
    await life.client.replicationFabrics.beginCreateAndWait(...life.vault, fabric, {
      properties: { customDetails: { instanceType: "Azure", location } },
    });
    await life.client.replicationProtectionContainers.beginCreateAndWait(...life.vault, fabric, container, {
      properties: { providerSpecificInput: [A2A] },
    });
  }
  const policy = await life.client.replicationPolicies.beginCreateAndWait(...life.vault, "Day", {
    properties: {
      providerSpecificInput: {
        ...A2A,
        recoveryPointHistory: 1440,
        multiVmSyncStatus: "Enable",
        crashConsistentFrequencyInMinutes: 1,
      },
    },
  });
  for (const [name, from, to] of [
    ["Over", HOME, AWAY],
    ["Back", AWAY, HOME],
  ] as const) {
    const made = await life.client.replicationProtectionContainerMappings.beginCreateAndWait(
      ...life.vault,
      from[0],
      from[1],
      name,
      {
        properties: {
          policyId: policy.id ?? "",
          targetProtectionContainerId: life.containerOf(to),
          providerSpecificInput: { ...A2A, agentAutoUpdateStatus: "Disabled" },
        },
      },
    );
    expect(made.properties?.state).toBe("Paired");
  }
  await farNetwork();
  const near = shopId(box.box, "Microsoft.Network/virtualNetworks", "shop-network");
  for (const [name, from, to, primary, recovery] of [
    ["Over", HOME, AWAY, near, far()],
    ["Back", AWAY, HOME, far(), near],
  ] as const)
    await life.client.replicationNetworkMappings.beginCreateAndWait(
      ...life.vault,
      from[0],
      "azureNetwork",
      name,
      {
        properties: {
          recoveryFabricName: to[0],
          recoveryNetworkId: recovery,
          fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: primary },
        },
      },
    );
  const containers = await all(life.client.replicationProtectionContainers.list(...life.vault));
  expect(containers.map(({ properties }) => properties?.pairingStatus)).toEqual(["Paired", "Paired"]);
});

const far = () => shopId(box.box, "Microsoft.Network/virtualNetworks", "far", "Rear");

/** There already in the other region, with room for the shop's subnet. */
async function farNetwork(): Promise<void> {
  const arm = armOf(box.box);
  await settled(arm, arm.put(life.groupOf("Rear"), { location: NORTH }));
  await settled(
    arm,
    arm.put(far(), {
      location: NORTH,
      properties: {
        addressSpace: { addressPrefixes: ["10.20.0.0/16"] },
        subnets: [{ name: "apps", properties: { addressPrefix: "10.20.1.0/24" } }],
      },
    }),
  );
}

test("one machine is protected by its item, another by an intent, and both get points", async () => {
  const { sourceVm, sourceVms, subscription } = box.box.plan;
  await life.openShopAt(sourceVm.id, 1);
  const enabled = items().beginCreateAndWait(...life.vault, ...HOME, {
    properties: {
      policyId: `${box.vault}/replicationPolicies/Day`,
      providerSpecificDetails: {
        ...A2A,
        fabricObjectId: sourceVm.id,
        recoveryContainerId: life.containerOf(AWAY),
        recoveryResourceGroupId: life.groupOf("Rear"),
      },
    },
  });
  const books = await life.client.replicationProtectionIntents.create(...life.vault, "Books", {
    properties: {
      providerSpecificDetails: {
        ...A2A,
        fabricObjectId: sourceVms[1]?.id ?? "",
        primaryLocation: WEST,
        recoveryLocation: NORTH,
        recoverySubscriptionId: subscription,
        recoveryAvailabilityType: "Single",
        recoveryResourceGroupId: life.groupOf("Rear"),
      },
    },
  });
  expect((await enabled).name).toBe("Ledger");
  const job = books.properties?.jobId?.split("/").at(-1) ?? "";
  await waitFor(
    "the other machine",
    async () => {
      const { properties } = await life.client.replicationJobs.get(...life.vault, job);
      if (properties?.state === "Failed") throw new Error(JSON.stringify(properties.errors));
      return properties?.state === "Succeeded" ? true : undefined;
    },
    180_000,
  );
  await life.ended("EnableDr", HOME);
  await life.morePoints(HOME, 2);
  const item = await life.shown(HOME, PROTECTED);
  expect(directionOf(item)).toEqual([WEST, NORTH]);
});

test("a test failover builds a copy beside it, and its cleanup takes it away", async () => {
  const at = [...life.vault, ...HOME] as const;
  const tested = await items().beginTestFailoverAndWait(...at, {
    properties: { failoverDirection: "PrimaryToRecovery", providerSpecificDetails: A2A },
  });
  expect(tested.properties?.testFailoverState).toBe("TestFailoverCompleted");
  const cleaned = await items().beginTestFailoverCleanupAndWait(...at, { properties: { comments: "well" } });
  expect(cleaned.properties?.testFailoverState).toBe("None");
  await life.ended("TestFailoverCleanup", HOME);
  await life.shown(HOME, PROTECTED);
});

test("its region is lost, it comes up in the other one, at another point then, and that is committed", async () => {
  await box.box.loseSource();
  await life.closeShop();
  const at = [...life.vault, ...HOME] as const;
  await items().beginUnplannedFailoverAndWait(...at, {
    properties: {
      failoverDirection: "PrimaryToRecovery",
      sourceSiteOperations: "NotRequired",
      providerSpecificDetails: A2A,
    },
  });
  await life.shown(HOME, PENDING);
  await life.ended("UnplannedFailover", HOME);
  const { failover } = await life.leewardOf(HOME);
  const other = (await life.pointsOf(HOME)).find(({ name }) => name !== failover?.point);
  await items().beginApplyRecoveryPointAndWait(...at, {
    properties: { recoveryPointId: other?.id ?? "", providerSpecificDetails: A2A },
  });
  expect((await life.leewardOf(HOME)).failover?.point).toBe(other?.name);
  await items().beginFailoverCommitAndWait(...at);
  await life.ended("CommitFailover", HOME);
  const item = await life.shown(HOME, COMMITTED);
  const url = await life.openShopAt(builtFrom(item), 2);
  expect(await checkIntegrity(url)).toMatchObject({ ok: true });
});

/** Turns the direction of an item, as ASR's portal does for managed disks. */
async function switchProtection(from: Place, to: Place): Promise<void> {
  const [fabric, container, replicationProtectedItemName] = from;
  await life.client.replicationProtectionContainers.beginSwitchProtectionAndWait(
    ...life.vault,
    fabric,
    container,
    {
      properties: {
        replicationProtectedItemName,
        providerSpecificDetails: {
          ...A2A,
          recoveryContainerId: life.containerOf(from),
          policyId: `${box.vault}/replicationPolicies/Day`,
        },
      },
    },
  );
  await life.ended("SwitchProtection", to);
}

test("while its region is gone it cannot be turned round, and nothing has changed then", async () => {
  await expect(switchProtection(HOME, AWAY)).rejects.toMatchObject({ code: "PeerUnreachable" });
  await life.shown(HOME, COMMITTED);
  const { properties } = await life.client.replicationVaultHealth.get(...life.vault);
  expect(properties?.vaultErrors?.map(({ errorCode }) => errorCode)).toEqual(["PeerUnreachable"]);
});

test("the region is back: the machine is protected towards it, and goes on serving", async () => {
  await box.box.restoreSource();
  await switchProtection(HOME, AWAY);
  const item = await life.shown(AWAY, PROTECTED);
  expect(item.properties?.recoveryContainerId).toBe(life.containerOf(HOME));
  expect(directionOf(item)).toEqual([NORTH, WEST]);
  const gone = items().get(...life.vault, ...HOME);
  await expect(gone).rejects.toMatchObject({
    statusCode: 404,
    message: expect.stringContaining(life.idOf(AWAY)),
  });
  const listed = (await all(items().list(...life.vault))).map(({ id }) => id);
  expect(listed.filter((id) => id?.endsWith("/Ledger"))).toEqual([life.idOf(AWAY)]);
  expect(await life.answering(box.box.plan.sourceVm.id)).toBeUndefined();
  await life.morePoints(AWAY, 2);
  await life.ordersTaken(20);
});

test("home again by a planned failover, with every order that was acknowledged away", async () => {
  const at = [...life.vault, ...AWAY] as const;
  await items().beginPlannedFailoverAndWait(...at, {
    properties: { failoverDirection: "PrimaryToRecovery" },
  });
  const away = life.acknowledged;
  await life.closeShop();
  const item = await life.shown(AWAY, PENDING);
  const { failover } = await life.leewardOf(AWAY);
  expect(failover?.announced).toMatchObject({ writes: 0, bytes: 0 });
  const vm = builtFrom(item);
  const url = await waitFor("the ledger at home", () => life.answering(vm), 120_000);
  const kept = new Set((await allOrders(url)).map(({ id }) => id));
  expect(away.length).toBeGreaterThan(40);
  expect(away.filter(({ id }) => !kept.has(id))).toEqual([]);
  expect(await checkIntegrity(url)).toMatchObject({ ok: true });
  await items().beginFailoverCommitAndWait(...at);
  await life.shown(AWAY, COMMITTED);
});

test("turned round once more it is protected as it was in the beginning", async () => {
  const vm = builtFrom(await items().get(...life.vault, ...AWAY));
  await life.openShopAt(vm, 3);
  await switchProtection(AWAY, HOME);
  const item = await life.shown(HOME, PROTECTED);
  expect(item.properties?.recoveryContainerId).toBe(life.containerOf(AWAY));
  await life.morePoints(HOME, 2);
  await life.ordersTaken(20);
});

test("the protection of both machines is taken away, and neither app has anything of them", async () => {
  await life.closeShop();
  await items().beginDeleteAndWait(...life.vault, ...HOME, {
    properties: { disableProtectionReason: "NotSpecified" },
  });
  const books = (await all(items().list(...life.vault))).map(({ id }) => id ?? "");
  expect(books).toHaveLength(1);
  const [, fabric = "", container = "", name = ""] =
    /replicationFabrics\/([^/]+)\/replicationProtectionContainers\/([^/]+)\/replicationProtectedItems\/(.+)$/.exec(
      books[0] ?? "",
    ) ?? [];
  await items().beginPurgeAndWait(...life.vault, fabric, container, name);
  expect(await all(items().list(...life.vault))).toEqual([]);
  for (const endpoint of [box.box.endpoint, box.box.endpointThere])
    for (const place of [HOME, AWAY]) {
      const answer = await fetch(`${endpoint}${life.idOf(place)}?api-version=2025-08-01`, {
        headers: { authorization: `Bearer ${await box.box.token()}`, "x-leeward-forwarded": "1" },
      });
      expect(answer.status).toBe(404);
    }
});
