import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { enlargeNetwork } from "../../../engine/azure/address-space.ts";
import type { ArmClient } from "../../../engine/azure/arm.ts";
import { getVirtualNetwork } from "../../../engine/azure/network.ts";
import type { ArmId } from "../../../engine/core/ids.ts";
import { dryRun } from "../../../functions/plans.ts";
import {
  appAt,
  asked,
  counting,
  makeLedger,
  makeMachine,
  makeTarget,
  network,
  rules,
  wishFor,
} from "./enabling.ts";
import { type TestBox, finished, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
beforeEach(async () => {
  box = await startBox();
  vm = await makeLedger(box);
});
afterEach(() => box.close());

const NETWORK = network("net-recovery", "recovery");

test("a network of ours gets the room that a further subnet needs, and keeps all that is in it", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  const addSubnet = async (path: string, addressPrefix: string) =>
    finished(box.client, await box.client.put(path, { properties: { addressPrefix } }));
  await addSubnet(`${NETWORK}/subnets/theirs`, "10.1.50.0/24");
  const before = (await box.client.get(NETWORK)).body;
  const added = await enlargeNetwork(box.client, network("net"), ["10.20.0.0/16", "10.30.0.0/16"]);
  await finished(box.client, added);
  await addSubnet(`${network("net")}/subnets/new`, "10.20.3.0/24");
  const writes: string[] = [];
  const second = await makeMachine(box, "till", [{ name: "till-nic", subnet: "new" }]);
  const counted = { ...services, arm: counting(services.arm, writes) };
  const { resources } = (await dryRun(counted, wishFor(second))).properties;
  expect(resources.find(({ role }) => role === "network")).toMatchObject({
    how: "adopt",
    adds: { addressPrefixes: ["10.20.0.0/16"], subnets: ["new"] },
  });
  expect(writes).toEqual([]);
  const machine = await asked(services, second);
  await makeTarget(counted, machine);
  expect(writes).toEqual([NETWORK, `${NETWORK}/subnets/new`]);
  const { addressSpace, subnets, dhcpOptions } = (await getVirtualNetwork(box.client, NETWORK)).properties;
  expect(addressSpace.addressPrefixes).toEqual(["10.1.0.0/16", "10.7.0.0/16", "10.20.0.0/16"]);
  expect(subnets.map(({ name }) => name)).toEqual(["apps", "data", "sql", "theirs", "new"]);
  expect(dhcpOptions).toEqual({ dnsServers: ["10.1.0.10"] });
  expect((await box.client.get(NETWORK)).body).toMatchObject({
    tags: z.object({ tags: z.unknown() }).parse(before).tags,
    properties: {
      subnets: [
        { properties: { networkSecurityGroup: { id: rules("apps-recovery", "recovery") } } },
        {},
        {},
        {},
        {},
      ],
    },
  });
  writes.splice(0);
  const again = (await dryRun(counted, wishFor(second))).properties.resources;
  expect(again.find(({ role }) => role === "network")?.adds).toBeNull();
  await makeTarget(counted, machine);
  expect(writes).toEqual([]);
});

test("room is not given behind somebody's back: the write is refused, and the next try sees what he did", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  const between: ArmClient = {
    ...box.client,
    put: async (path, body, options) => {
      await finished(
        box.client,
        await box.client.put(`${NETWORK}/subnets/theirs`, { properties: { addressPrefix: "10.1.50.0/24" } }),
      );
      return box.client.put(path, body, options);
    },
  };
  await expect(enlargeNetwork(between, NETWORK, ["10.20.0.0/16"])).rejects.toMatchObject({
    code: "ArmUnavailable",
  });
  await finished(box.client, await enlargeNetwork(box.client, NETWORK, ["10.20.0.0/16"]));
  const { subnets } = (await getVirtualNetwork(box.client, NETWORK)).properties;
  expect(subnets.map(({ name }) => name)).toContain("theirs");
});
