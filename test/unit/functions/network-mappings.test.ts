import { expect, test } from "vitest";
import { networkMappingRequest } from "../../../engine/contract/network-mapping.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { mapNetwork, unmapNetwork } from "../../../functions/network-mappings.ts";
import { collect } from "../../fixtures/collect.ts";

const network = (name: string) =>
  `/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/${name}`;
const body = (from: string, to: string, subnets = {}) =>
  networkMappingRequest.parse({
    properties: {
      recoveryNetworkId: network(to),
      fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: network(from) },
      leeward: { subnets },
    },
  });

test("a row is made, changed and taken away by its name, and a network has one", async () => {
  const services = { records: recordsIn(new MemoryRecordStore()) };
  await mapNetwork(services, "Shop", body("a", "b"));
  await mapNetwork(services, "shop", body("A", "c", { front: "rear" }));
  expect(await collect(services.records.mappings.list())).toEqual([
    expect.objectContaining({ name: "shop", target: network("c"), subnets: { front: "rear" }, by: "caller" }),
  ]);
  await unmapNetwork(services, "SHOP");
  await unmapNetwork(services, "SHOP");
  expect(await collect(services.records.mappings.list())).toEqual([]);
});

test("a name belongs to one network", async () => {
  const services = { records: recordsIn(new MemoryRecordStore()) };
  await mapNetwork(services, "shop", body("a", "b"));
  await expect(mapNetwork(services, "shop", body("x", "y"))).rejects.toMatchObject({ code: "Conflict" });
  expect(await collect(services.records.mappings.list())).toHaveLength(1);
});

test("what is no virtual network is refused with its field", () => {
  const { error } = networkMappingRequest.safeParse({
    properties: {
      recoveryNetworkId: "/subscriptions/s/resourceGroups/g",
      fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: network("a") },
    },
  });
  expect(error?.issues.map(({ path }) => path.join("."))).toEqual(["properties.recoveryNetworkId"]);
});
