import { afterEach, beforeEach, expect, test } from "vitest";
import type { ArmClient } from "../../../engine/azure/arm.ts";
import { getVirtualNetwork } from "../../../engine/azure/network.ts";
import { getSecurityGroup } from "../../../engine/azure/security-group.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import type { Services } from "../../../functions/services.ts";
import {
  appAt,
  applications,
  asked,
  contentsOf,
  makeMachine,
  makeNetwork,
  makeSet,
  makeTarget,
  network,
  rules,
  SET,
} from "./enabling.ts";
import { NORTH, type TestBox, WEST, finished, groupId, startBox } from "./fixture.ts";

let box: TestBox;
const accounts = (side: string) =>
  Array.from({ length: 20 }, (_, n) => ({
    name: `${side}${n}`,
    blob: `https://127.0.0.1:10000/${side}${n}`,
    table: `https://127.0.0.1:10002/${side}${n}`,
  }));
const regions = [WEST, NORTH].map((name) => ({ name, displayName: name, pool: accounts(name.slice(0, 4)) }));
beforeEach(async () => {
  box = await startBox({ config: { regions } });
  await makeNetwork(box);
});
afterEach(() => box.close());

/** Two machines of one network, one set and one group of rules. */
async function makePair(): Promise<[ArmId, ArmId]> {
  await makeSet(box);
  const one = (name: string) =>
    makeMachine(
      box,
      name,
      [{ name: `${name}-nic`, subnet: "apps", rules: rules("nic"), applications: applications("web") }],
      { availabilitySet: SET },
    );
  return [await one("ledger"), await one("till")];
}

/** Everything in the target group, and the cache accounts. */
const made = () =>
  contentsOf(box, [
    ...["virtualNetworks", "networkSecurityGroups", "applicationSecurityGroups"].map(
      (kind) => `${groupId("recovery")}/providers/Microsoft.Network/${kind}`,
    ),
    `${groupId("recovery")}/providers/Microsoft.Compute/availabilitySets`,
    ...["recovery", "shop"].map((group) => `${groupId(group)}/providers/Microsoft.Storage/storageAccounts`),
  ]);

/**
 * Two clients that come to each write together: both have looked, and found nothing, before either of them writes. The one
 * that came last writes first.
 */
function together(client: ArmClient): [ArmClient, ArmClient] {
  const waiting = new Map<string, () => void>();
  const met: string[] = [];
  const side = (): ArmClient => ({
    ...client,
    get urgent() {
      return side();
    },
    put: async (path, body, options) => {
      const other = waiting.get(path);
      waiting.delete(path);
      if (!other && !met.includes(path)) await new Promise<void>((resolve) => waiting.set(path, resolve));
      met.push(path);
      try {
        return await client.put(path, body, options);
      } finally {
        other?.();
      }
    },
  });
  return [side(), side()];
}

test.each([0, 50])(
  "two machines of one network come to the same set of resources as one after the other (operations take %i ms)",
  async (operationTime) => {
    const apart = appAt(box);
    for (const vm of await makePair()) await makeTarget(apart, await asked(apart, vm));
    const oneAfterTheOther = await made();
    await box.close();
    box = await startBox({ config: { regions, operationTime } });
    await makeNetwork(box);
    const records = recordsIn(new MemoryRecordStore());
    const clients = together(box.client);
    const pair = await makePair();
    const machines = await Promise.all(
      pair.map(async (vm, at) => {
        const app = { ...appAt(box, clients[at]), records };
        const machine = await asked(app, vm);
        await makeTarget(app, machine);
        return machine;
      }),
    );
    expect(await made()).toEqual(oneAfterTheOther);
    const [left, right] = await Promise.all(
      machines.map(async (machine) => (await records.items.get(itemKeyOf(machine)))?.value.target),
    );
    expect(left?.nics?.[0]?.subnet).toBe(`${network("net-recovery", "recovery")}/subnets/apps`);
    for (const part of ["network", "availabilitySet", "cache", "replica"] as const)
      expect(left?.[part]).toEqual(right?.[part]);
    expect(left?.nics?.map(({ subnet }) => subnet)).toEqual(right?.nics?.map(({ subnet }) => subnet));
  },
);

/** Another network of the same name, with a group of rules of the same name. */
async function makeNamesake(): Promise<ArmId> {
  const put = async (id: ArmId, body: object) => finished(box.client, await box.client.put(id, body));
  await put(groupId("annex"), { location: WEST });
  await put(rules("apps", "annex"), { location: WEST, properties: { securityRules: [] } });
  const apps = {
    name: "apps",
    properties: { addressPrefix: "10.2.0.0/24", networkSecurityGroup: { id: rules("apps", "annex") } },
  };
  await put(network("net", "annex"), {
    location: WEST,
    properties: { addressSpace: { addressPrefixes: ["10.2.0.0/16"] }, subnets: [apps] },
  });
  return makeMachine(box, "till", [{ name: "till-nic", subnet: "apps", network: network("net", "annex") }]);
}

test("networks and groups of one name are two copies, at whichever step the other enablement comes in between", async () => {
  const ledger = await makeMachine(box, "ledger", [{ name: "ledger-nic", subnet: "apps" }]);
  const till = await makeNamesake();
  const steps: string[] = [];
  const whole = appAt(box);
  await makeTarget(whole, await asked(whole, ledger, { resourceGroup: groupId("steps") }), async (step) => {
    steps.push(step);
  });
  for (const at of [...steps.keys(), -1]) {
    const resourceGroup = groupId(`recovery-${at}`);
    const app = appAt(box);
    const other = await asked(app, till, { resourceGroup });
    let done = 0;
    const between = async () => {
      if (done++ === at) await makeTarget(app, other);
    };
    const planning = at === -1 ? whilePlanned(app, () => makeTarget(app, other)) : app;
    const machine = await asked(app, ledger, { resourceGroup });
    await makeTarget(planning, machine, between);
    const placesOf = async (one: typeof machine) => {
      const target = (await app.records.items.get(itemKeyOf(one)))?.value.target;
      return getVirtualNetwork(box.client, target?.network ?? armId(""));
    };
    const spaces = await Promise.all([machine, other].map(placesOf));
    expect(spaces.map(({ properties }) => properties.addressSpace.addressPrefixes)).toEqual([
      ["10.1.0.0/16", "10.7.0.0/16"],
      ["10.2.0.0/16"],
    ]);
    const guards = await Promise.all(
      spaces.map(async ({ properties: { subnets } }) =>
        getSecurityGroup(box.client, armId(subnets[0]?.properties.networkSecurityGroup?.id ?? "")),
      ),
    );
    const counts = guards.map(({ properties }) => properties.securityRules.length);
    expect({ step: steps[at], counts }).toEqual({ step: steps[at], counts: [2, 0] });
  }
});

/** Another enablement goes through right before the first row of this one. */
function whilePlanned(app: Services, other: () => Promise<void>): Services {
  let begun = false;
  const { mappings } = app.records;
  const upsert: typeof mappings.upsert = async (key, change) => {
    const first = !begun;
    begun = true;
    if (first) await other();
    return mappings.upsert(key, change);
  };
  return { ...app, records: { ...app.records, mappings: { ...mappings, upsert } } };
}
