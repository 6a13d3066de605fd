import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import type { Owner } from "../../../engine/azure/resource.ts";
import { armId } from "../../../engine/core/ids.ts";
import { bytes, sequence } from "../../../engine/core/units.ts";
import { CONTAINER, machinePrefix } from "../../../engine/journal/names.ts";
import { type ItemRecord, itemKey, targetOf } from "../../../engine/recovery/item.ts";
import { removingKey } from "../../../engine/recovery/removing.ts";
import { checkNotRemoved } from "../../../functions/activities/shared-use.ts";
import { collect } from "../../fixtures/collect.ts";
import { NORTH, finished, groupId, idOf } from "../arm/fixture.ts";
import {
  NOW,
  POINT,
  SIZE,
  begun,
  box,
  built,
  closeScene,
  disabled,
  endpointOf,
  everything,
  itemNamed,
  openScene,
  protectedMachine,
  run,
  services,
  silence,
  storeOf,
  whyLeft,
  withContainers,
} from "./disable-scene.ts";

beforeEach(openScene);
afterEach(closeScene);

test("nothing of ours is left, nothing foreign is gone, and the job says what went", async () => {
  const foreigner: Owner = { machine: "shared", role: "source" };
  const disk = (name: string) => idOf("recovery", "Microsoft.Compute/disks", name);
  await box.client.put(groupId("recovery"), {
    location: NORTH,
    tags: { "leeward-machine": "shared", "leeward-role": "target" },
  });
  const source = { from: "empty", size: SIZE } as const;
  const spec = { location: NORTH, sku: "Premium_LRS", source };
  await finished(box.client, await ensureDisk(box.client, { id: disk("theirs"), ...spec, owner: foreigner }));
  await box.client.patch(disk("theirs"), { tags: { "leeward-machine-not": "shared" } });
  const before = await everything();
  const item = await protectedMachine("ledger");
  await built(item, false);
  const { cache, replica } = targetOf(item);
  const [inCache, inReplica] = [await storeOf(cache.id), await storeOf(replica?.id ?? armId(""))];
  const job = await disabled(item);
  expect(job.failure).toBeUndefined();
  expect(job.state).toBe("Succeeded");
  expect(await everything()).toEqual(before);
  for (const store of [services.target, inCache, inReplica])
    expect(await collect(store.list(""))).toEqual([]);
  expect(await services.records.items.get(itemKey(item.id))).toBeUndefined();
  expect(await services.records.healing.get(item.machine)).toBeUndefined();
  expect(await collect(services.records.removing.list())).toEqual([]);
  const types = job.removed?.deleted.map(({ type }) => type.replace(/^.*\//, ""));
  expect(new Set(types)).toEqual(
    new Set([
      "objects",
      "disks",
      "networkInterfaces",
      "storageAccounts",
      "availabilitySets",
      "virtualNetworks",
    ]),
  );
  expect(job.removed?.deleted).toContainEqual({
    type: "objects",
    name: `target/machines/${item.machine}/journal`,
    count: 1,
    bytes: 4,
  });
});

test("what another machine uses stays until that one goes too", async () => {
  const [one, other] = [await protectedMachine("ledger"), await protectedMachine("till")];
  const first = await disabled(one);
  const shared = [targetOf(one).network, targetOf(one).cache.id, targetOf(one).replica?.id ?? ""];
  for (const id of shared) expect(whyLeft(first, id)).toBe("till uses it");
  expect(await collect(services.target.list(machinePrefix(other.machine)))).toHaveLength(3);
  const second = await disabled(other);
  expect(second.removed?.deleted.map(({ name }) => name)).toEqual(expect.arrayContaining(shared));
  expect(await everything()).toEqual(new Map());
});

test("two that go at the same time leave nothing to each other", async () => {
  const [one, other] = [await protectedMachine("ledger"), await protectedMachine("till")];
  const leaving = [await begun(one), await begun(other)];
  await Promise.all(leaving.map((item) => run(item)));
  expect(await everything()).toEqual(new Map());
});

test("an account that somebody else put something into stays", async () => {
  const item = await protectedMachine("ledger");
  const cache = targetOf(item).cache.id;
  await (await storeOf(cache)).put("theirs", Buffer.from("x"), "absent");
  withContainers([CONTAINER, "photos"]);
  const job = await disabled(item);
  expect(whyLeft(job, cache)).toBe("there are other containers in it, such as photos");
  expect((await collect((await storeOf(cache)).list(""))).map(({ name }) => name)).toEqual(["theirs"]);
});

test.each(["queueServices/default/queues", "tableServices/default/tables", "fileServices/default/shares"])(
  "an account with something of somebody's in its %s stays",
  async (collection) => {
    const item = await protectedMachine("ledger");
    const cache = targetOf(item).cache.id;
    await box.client.put(`${cache}/${collection}/theirs`, {});
    const job = await disabled(item);
    expect(whyLeft(job, cache)).toMatch(/^there is a (queue|table|file share) in it, theirs$/);
    expect(await box.client.find(cache)).toBeDefined();
    expect(job.removed?.deleted).toContainEqual(
      expect.objectContaining({ name: expect.stringMatching(/machines\/ledger.*\/journal$/) }),
    );
  },
);

test("what was failed over runs on and is its user's, without a tag of ours", async () => {
  const item = await protectedMachine("ledger");
  const ids = await built(item, true);
  await services.records.items.update(itemKey(item.id), (old) => ({
    ...old,
    state: "UnplannedFailoverCommitPending",
    failover: {
      operation: old.job.operation,
      point: POINT,
      pointTime: NOW,
      consistency: "crash",
      road: "import",
      startTime: NOW,
      announced: {
        after: sequence(1),
        seconds: 0,
        writes: 0,
        bytes: bytes(0),
        knownSequence: sequence(1),
        knownUntil: NOW,
      },
      steps: [],
    },
  }));
  const job = await disabled(item);
  expect(job.state).toBe("Succeeded");
  for (const id of ids) {
    expect(whyLeft(job, id)).toMatch(/^it is yours from now on/);
    expect(Object.keys(Object(Object(await box.client.find(id)).tags)).join()).not.toContain("leeward");
  }
  expect(box.hypervisor.running.has(targetOf(item).vm.toLowerCase())).toBe(true);
  expect(whyLeft(job, targetOf(item).network)).toMatch(/in use|connected/);
});

test("a container of ours in an account that the caller named stays, and is named", async () => {
  const item = await protectedMachine("ledger");
  const cacheAccount = targetOf(item).cache.id;
  await services.records.items.update(itemKey(item.id), (old) => ({
    ...old,
    request: { ...old.request, cacheAccount },
  }));
  const job = await disabled(item);
  expect(job.removed?.left.filter(({ type }) => type === "container")).toMatchObject([
    { name: expect.stringMatching(/\/leeward$/), why: expect.stringContaining("yours") },
  ]);
});

test("points that are to be kept stay with their journal and their key", async () => {
  const item = await protectedMachine("ledger");
  const job = await disabled(item, false, true);
  expect(await collect(services.target.list(machinePrefix(item.machine)))).toHaveLength(3);
  expect(whyLeft(job, `machines/${item.machine}`)).toBe("kept, as it was asked for");
});

test("a cache that does not answer fails the removal, which may be tried again or purged", async () => {
  const item = await protectedMachine("ledger");
  const cache = targetOf(item).cache.id;
  silence(await endpointOf(cache));
  const failed = await disabled(item);
  expect(failed).toMatchObject({
    state: "Failed",
    failure: { code: "StorageUnavailable", step: "empty the cache" },
  });
  const known = (await services.records.items.get(itemKey(item.id)))?.value;
  expect(known).toMatchObject({ state: "DisableFailed", removal: { from: "Protected" } });
  const operation = known?.job.operation;
  const purge = await disabled(known ?? item, true);
  expect(purge.operation).not.toBe(operation);
  expect(purge).toMatchObject({ state: "Succeeded" });
  expect(whyLeft(purge, "the cache")).toMatch(/does not answer/);
  expect(await services.records.items.get(itemKey(item.id))).toBeUndefined();
});

test("an enablement that wants what is being deleted waits, and one that was first keeps it", async () => {
  const item = await protectedMachine("ledger");
  const network = targetOf(item).network;
  const { machine, job } = await begun(item);
  const mark = { format: 1 as const, id: network, operation: job.operation, at: NOW };
  await services.records.removing.create(removingKey(network, job.operation), mark);
  await expect(checkNotRemoved(services, item)).rejects.toMatchObject({ code: "ArmUnavailable" });
  await services.records.jobs.update(job.operation, (old) => ({ ...old, state: "Failed" }));
  await expect(checkNotRemoved(services, item)).resolves.toBeUndefined();
  await services.records.jobs.update(job.operation, (old) => ({ ...old, state: "InProgress" }));
  // Between the mark and the look another machine is enabled.
  const { removing, items } = services.records;
  const marking = removing.upsert.bind(removing);
  let other: ItemRecord | undefined;
  Object.assign(removing, {
    upsert: async (...args: Parameters<typeof marking>) => {
      const marked = await marking(...args);
      other ??= { ...item, id: itemNamed("till"), state: "Enabling" };
      if (!(await items.get(itemKey(other.id)))) await items.create(itemKey(other.id), other);
      return marked;
    },
  });
  await run({ ...item, machine, job });
  expect(await box.client.find(network)).toBeDefined();
});

test("a host that dies behind any activity leaves nothing behind when it goes on", async () => {
  const first = await protectedMachine("ledger");
  await built(first, false);
  const { names } = await run(await begun(first));
  expect(names.length).toBeGreaterThan(9);
  for (let most = 1; most <= names.length; most++) {
    const item = await protectedMachine(`ledger-${most}`);
    await built(item, false);
    const leaving = await begun(item);
    await run(leaving, most);
    if (await services.records.items.get(itemKey(item.id))) await run(leaving);
    expect(await services.records.items.get(itemKey(item.id))).toBeUndefined();
    expect((await services.records.jobs.get(leaving.job.operation))?.value.state).toBe("Succeeded");
    expect(await everything()).toEqual(new Map());
    expect(await collect(services.target.list(""))).toEqual([]);
  }
});
