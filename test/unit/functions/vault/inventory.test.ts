import { expect, test } from "vitest";
import { containerView, putContainer, removeContainer } from "../../../../functions/vault/containers.ts";
import { fabricView, putFabric, removeFabric } from "../../../../functions/vault/fabrics.ts";
import { containerIn, fabricIn, inventoryOf } from "../../../../functions/vault/inventory.ts";
import { VAULT } from "../../engine/recovery/fixture.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { addItem, container, fabric, vaultWorld } from "./world.ts";

const vault = armId(VAULT);

test("fabrics and containers that nobody made are there as long as an item names them", async () => {
  const world = vaultWorld();
  const before = await inventoryOf(world.services, vault);
  expect(before).toMatchObject({ fabrics: [], containers: [] });
  const item = await addItem(world, "a", { recoveryContainerId: container("East", "Rear") });
  const inventory = await inventoryOf(world.services, vault);
  expect(inventory.containers).toEqual([container("East", "Rear"), container("West", "Shop")]);
  const west = fabricView(inventory, fabricIn(inventory, fabric("WEST")));
  expect(west.properties.customDetails).toMatchObject({
    location: "",
    containerIds: [container("West", "Shop")],
  });
  expect(
    containerView(inventory, containerIn(inventory, container("east", "rear"))).properties,
  ).toMatchObject({
    role: "Recovery",
    protectedItemCount: 0,
  });
  expect(item.id).toContain(container("West", "Shop"));
});

test.each([
  "",
  "elsewhere",
  "/subscriptions/s/replicationFabrics/a?b/replicationProtectionContainers/c",
  "/subscriptions//x",
])("an item that goes to %j is in its own container alone", async (recoveryContainerId) => {
  const world = vaultWorld();
  await addItem(world, "a", { recoveryContainerId });
  expect((await inventoryOf(world.services, vault)).containers).toEqual([container("West", "Shop")]);
});

test("neither goes while an item is in it or comes to it", async () => {
  const world = vaultWorld();
  await addItem(world, "a", { recoveryContainerId: container("East", "Rear") });
  const refused = { code: "Conflict", message: expect.stringContaining(" a") };
  await expect(removeContainer(world.services, container("West", "Shop"))).rejects.toMatchObject(refused);
  await expect(removeContainer(world.services, container("East", "Rear"))).rejects.toMatchObject(refused);
  await expect(removeFabric(world.services, fabric("East"), true)).rejects.toMatchObject(refused);
});

test("a container needs its fabric, and a purge of that takes it away", async () => {
  const world = vaultWorld();
  const inside = container("North", "Shop");
  await expect(putContainer(world.services, inside)).rejects.toMatchObject({ code: "NotFound" });
  await putFabric(world.services, fabric("North"), "northeurope");
  await putContainer(world.services, inside);
  await expect(removeFabric(world.services, fabric("North"), false)).rejects.toMatchObject({
    code: "Conflict",
  });
  await removeFabric(world.services, fabric("North"), true);
  expect(await inventoryOf(world.services, vault)).toMatchObject({ fabrics: [], containers: [] });
});
