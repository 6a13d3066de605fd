import { afterEach, beforeEach, expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import type { ArmId } from "../../../engine/core/ids.ts";
import { lastSegment } from "../../../engine/recovery/item.ts";
import { dryRun } from "../../../functions/plans.ts";
import {
  appAt,
  asked,
  contentsOf,
  counting,
  makeLedger,
  makeMachine,
  makeTarget,
  wishFor,
} from "./enabling.ts";
import { type TestBox, groupId, startBox } from "./fixture.ts";

let box: TestBox;
let vm: ArmId;
beforeEach(async () => {
  box = await startBox();
  vm = await makeLedger(box);
});
afterEach(() => box.close());

const contents = (group: string) =>
  contentsOf(
    box,
    ["virtualNetworks", "networkSecurityGroups", "applicationSecurityGroups"].map(
      (kind) => `${groupId(group)}/providers/Microsoft.Network/${kind}`,
    ),
  );

const failNetwork = () =>
  box.admin("POST", "/box/faults", { kind: "fail-operation", path: "virtualNetworks/net-recovery" });

test("a second enablement of the same writes nothing", async () => {
  const writes: string[] = [];
  const services = appAt(box, counting(box.client, writes));
  const machine = await asked(services, vm);
  await makeTarget(services, machine);
  expect(writes).not.toEqual([]);
  writes.splice(0);
  const plan = await services.records.plans.get(machine);
  await makeTarget(services, machine);
  expect(writes).toEqual([]);
  const again = await services.records.plans.get(machine);
  expect(again?.value.networks.map(({ id }) => id)).toEqual(plan?.value.networks.map(({ id }) => id));
});

test("a host that dies behind any one write leaves what the next try completes", async () => {
  const whole = appAt(box);
  const writes: string[] = [];
  await makeTarget({ ...whole, arm: counting(whole.arm, writes) }, await asked(whole, vm));
  const undisturbed = await contents("recovery");
  for (let at = 0; at < writes.length; at++) {
    await box.close();
    box = await startBox();
    vm = await makeLedger(box);
    const services = appAt(box);
    const machine = await asked(services, vm);
    const done: string[] = [];
    const dying = counting(services.arm, done, () => {
      if (done.length > at) throw new LeewardError("Unexpected", "the host died");
    });
    await expect(makeTarget({ ...services, arm: dying }, machine)).rejects.toThrow("the host died");
    await makeTarget(services, machine);
    expect(await contents("recovery"), `behind write ${at}, ${writes[at]}`).toEqual(undisturbed);
  }
});

test("a try that follows a failed one says what that one made, and what is Leeward's or yours", async () => {
  const services = appAt(box);
  const machine = await asked(services, vm);
  const planned = async (of: typeof machine) =>
    (await services.records.plans.get(of))?.value.resources.map(({ id, how }) => [lastSegment(id), how]);
  await failNetwork();
  await expect(makeTarget(services, machine)).rejects.toMatchObject({ code: "ArmFailed" });
  await makeTarget(services, machine);
  const again = await planned(machine);
  expect(again).toContainEqual(["recovery", "made"]);
  expect(again).toContainEqual(["net-recovery", "made"]);
  expect(again).toContainEqual(["apps-recovery", "made"]);
  const { resources } = (await dryRun(services, wishFor(vm))).properties;
  expect(resources.find(({ id }) => id === groupId("recovery"))?.how).toBe("made");
  const second = await asked(
    services,
    await makeMachine(box, "till", [{ name: "till-nic", subnet: "data" }]),
  );
  await makeTarget(services, second);
  expect(await planned(second)).toContainEqual(["recovery", "adopt"]);
  expect(await planned(second)).toContainEqual(["net-recovery", "adopt"]);
});
