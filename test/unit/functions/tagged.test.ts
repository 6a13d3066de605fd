import { expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { armId } from "../../../engine/core/ids.ts";
import { takeEvents } from "../../../functions/tagged.ts";
import { hub, shop } from "./shop.ts";

const SUBSCRIPTION = "00000000-0000-4000-8000-000000000001";
const VM = `/subscriptions/${SUBSCRIPTION}/resourceGroups/shops/providers/Microsoft.Compute/virtualMachines/ledger`;
const TARGET = armId(`/subscriptions/${SUBSCRIPTION}/resourceGroups/recovery`);
const TAGS = "/providers/Microsoft.Resources/tags/default";

const written = (subject: string, id = "e1") => ({
  id,
  subject,
  eventType: "Microsoft.Resources.ResourceWriteSuccess",
  data: { operationName: "Microsoft.Compute/virtualMachines/write" },
});

/** A control plane that finds this machine, and a task hub. */
async function plane(vm: object | undefined | Error, tagTargetGroup: string | undefined = TARGET) {
  const { services } = await shop();
  const asked: string[] = [];
  const arm = Object.assign(Object.create(null), {
    find: async (id: string) => {
      asked.push(id);
      if (vm instanceof Error) throw vm;
      return vm;
    },
  });
  const settings = {
    subscription: SUBSCRIPTION,
    region: "northeurope",
    vaultGroup: "leeward",
    vault: "leeward-vault",
    tagTargetGroup,
  };
  const { client, started } = hub();
  const talk = {
    services: { ...services, ...Object.assign(Object.create(null), { arm, settings }) },
    client,
  };
  const items = async () => {
    const found = [];
    for await (const item of services.records.items.list()) found.push(item);
    return found;
  };
  return { talk, started, items, asked };
}
const tagged = { location: "westeurope", tags: { leeward: "protect", shop: "1" } };

test("a machine with the tag is protected, into the group that the deployment names", async () => {
  const { talk, started, items } = await plane(tagged);
  expect(await takeEvents(talk, [written(VM)])).toMatchObject({
    outcomes: [{ machine: VM, protected: true }],
  });
  const [item, ...more] = await items();
  expect(more).toEqual([]);
  expect(item).toMatchObject({ vmId: VM, state: "Enabling", request: { resourceGroup: TARGET } });
  expect(item?.id).toMatch(/\/replicationProtectedItems\/ledger-[0-9a-f]{8}$/);
  expect(started).toEqual([item?.job.operation]);
});

test("so is one whose tags were written by themselves", async () => {
  const { talk, items } = await plane(tagged);
  await takeEvents(talk, [written(`${VM}${TAGS}`)]);
  expect((await items()).map(({ vmId }) => vmId)).toEqual([VM]);
});

test("events that come twice, at once or in other letters, protect once", async () => {
  const { talk, started, items } = await plane(tagged);
  await Promise.all([takeEvents(talk, [written(VM)]), takeEvents(talk, [written(VM)])]);
  const again = await takeEvents(talk, [written(VM.toUpperCase(), "e2"), written(`${VM}${TAGS}`, "e3")]);
  expect(again).toMatchObject({ outcomes: [{ protected: false, why: expect.stringContaining("already") }] });
  expect(await items()).toHaveLength(1);
  expect(started).toHaveLength(1);
});

test.each([
  ["without the tag", { location: "westeurope", tags: { shop: "1" } }, "not tagged"],
  ["without tags", { location: "westeurope" }, "not tagged"],
  ["with another value of it", { location: "westeurope", tags: { leeward: "no" } }, "not tagged"],
  ["in the target region", { ...tagged, location: "NorthEurope" }, "in the target region"],
  [
    "that a failover built",
    { ...tagged, tags: { ...tagged.tags, "leeward-machine": "m" } },
    "built by a failover",
  ],
  ["that is gone", undefined, "gone"],
  ["that the app may not read", new LeewardError("ArmFailed", "AuthorizationFailed"), "not to be read"],
])("a machine %s is left alone", async (_, vm, why) => {
  const { talk, started, items } = await plane(vm);
  expect(await takeEvents(talk, [written(VM)])).toMatchObject({
    outcomes: [{ protected: false, why: expect.stringContaining(why) }],
  });
  expect(await items()).toEqual([]);
  expect(started).toEqual([]);
});

test.each([
  "/subscriptions/other/resourceGroups/shops/providers/Microsoft.Compute/virtualMachines/ledger",
  VM.replace("virtualMachines", "disks"),
  `${VM}/extensions/agent`,
  `${VM}/../other`,
  "not an id",
])("what is written at %s is not even looked at", async (subject) => {
  const { talk, asked } = await plane(tagged);
  await takeEvents(talk, [written(subject)]);
  expect(asked).toEqual([]);
});

test("a machine that cannot be read now fails the batch, so that Event Grid sends it again", async () => {
  const { talk, items } = await plane(new LeewardError("ArmUnavailable", "429"));
  await expect(takeEvents(talk, [written(VM)])).rejects.toThrow(/429/);
  expect(await items()).toEqual([]);
});

test("the handshake is answered with its code, also while protection by tag is off", async () => {
  const { talk } = await plane(undefined, "");
  const handshake = {
    id: "1",
    subject: "",
    eventType: "Microsoft.EventGrid.SubscriptionValidationEvent",
    data: { validationCode: "512d38b6", validationUrl: "https://rp.eventgrid.azure.net/x" },
  };
  expect(await takeEvents(talk, [handshake])).toEqual({ validationResponse: "512d38b6" });
  await expect(takeEvents(talk, [{ ...handshake, data: {} }])).rejects.toThrow(/validationCode/);
});

test("without a target group, events are refused and nothing is protected", async () => {
  const { talk, asked } = await plane(tagged);
  const off = {
    ...talk,
    services: { ...talk.services, settings: { ...talk.services.settings, tagTargetGroup: undefined } },
  };
  await expect(takeEvents(off, [written(VM)])).rejects.toThrow(/LEEWARD_TAG_TARGET_GROUP/);
  expect(asked).toEqual([]);
});
