import { afterEach, beforeEach, expect, test } from "vitest";
import type { ArmId } from "../../../engine/core/ids.ts";
import { itemKeyOf, lastSegment, targetOf } from "../../../engine/recovery/item.ts";
import { targetNic } from "../../../engine/recovery/target-names.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import { dryRun } from "../../../functions/plans.ts";
import {
  appAt,
  applications,
  asked,
  counting,
  makeLedger,
  makeMachine,
  makeTarget,
  network,
  rules,
  SET,
  wishFor,
} from "./enabling.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
beforeEach(async () => {
  box = await startBox();
  vm = await makeLedger(box, { availabilitySet: SET });
});
afterEach(() => box.close());

const NAMES = [
  { source: network("net"), name: "hall" },
  { source: rules("apps"), name: "hall-guard" },
  { source: applications("web"), name: "hall-web" },
  { source: SET, name: "hall-set" },
];

test("what is copied is called as the caller says, is found again, and everything names it so", async () => {
  const writes: string[] = [];
  const services = appAt(box, counting(box.client, writes));
  const request = { names: NAMES, nics: [{ name: "ledger-front", recoveryName: "hall-nic" }] };
  const machine = await asked(services, vm, request);
  await makeTarget(services, machine);
  expect(new Set(writes.map(lastSegment))).toEqual(
    new Set([
      "recovery",
      "hall",
      "hall-guard",
      "hall-web",
      "hall-set",
      "nic-recovery",
      ...writes.filter((path) => path.includes("storageAccounts")).map(lastSegment),
    ]),
  );
  const item = (await services.records.items.get(itemKeyOf(machine)))?.value;
  const target = item && targetOf(item);
  expect(target?.availabilitySet).toBe(idOf("recovery", "Microsoft.Compute/availabilitySets", "hall-set"));
  const nic = idOf("recovery", "Microsoft.Network/networkInterfaces", "hall-nic");
  expect(target && targetNic(target, "ledger-front")).toBe(nic);
  const tools = { services, client: Object.create(null) };
  const { operation } = await nicActivities.createNic({ machine, nic: 0 }, tools);
  await finished(services.arm, operation ? { operation } : {});
  expect((await box.client.get(nic)).body).toMatchObject({
    properties: {
      ipConfigurations: [
        {
          properties: {
            subnet: { id: `${network("hall", "recovery")}/subnets/apps` },
            applicationSecurityGroups: [{ id: applications("hall-web", "recovery") }],
          },
        },
      ],
    },
  });
  writes.splice(0);
  await makeTarget(services, machine);
  expect(writes).toEqual([]);
});

test("names that cannot be had are said with their field, and nothing is made", async () => {
  await box.client.put(groupId("recovery"), { location: NORTH });
  const theirs = rules("hall-guard", "recovery");
  await finished(box.client, await box.client.put(theirs, { location: NORTH, properties: {} }));
  const services = appAt(box);
  const names = [...NAMES, { source: rules("elsewhere"), name: "x" }];
  const nics = [{ name: "ledger-front", recoveryName: "ledger-back" }];
  const { errors } = (await dryRun(services, wishFor(vm, { names, nics }))).properties;
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(/hall-guard exists and is not Leeward's copy of .*apps/),
    expect.stringMatching(/elsewhere is not copied/),
    expect.stringMatching(/two network interfaces would be called ledger-back/),
  ]);
  const machine = await asked(services, vm, { names });
  await expect(makeTarget(services, machine)).rejects.toMatchObject({ code: "SourceUnsuitable" });
  expect(await box.client.find(network("hall", "recovery"))).toBeUndefined();
});

test("a network that was copied under another name before keeps it", async () => {
  const services = appAt(box);
  await makeTarget(services, await asked(services, vm));
  const second = await makeMachine(box, "till", [{ name: "till-nic", subnet: "data" }]);
  const { errors } = (await dryRun(services, wishFor(second, { names: NAMES.slice(0, 1) }))).properties;
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(/network mapping leads .*\/net to .*\/net-recovery, not to hall/),
  ]);
});

test.each(["-hall", "hall.", "h all", "h".repeat(81)])("Azure takes no network called %j", async (name) => {
  await box.client.put(groupId("recovery"), { location: NORTH });
  await expect(
    box.client.put(rules(encodeURIComponent(name), "recovery"), { location: NORTH, properties: {} }),
  ).rejects.toMatchObject({ code: "ArmFailed", message: expect.stringContaining("InvalidResourceName") });
});
