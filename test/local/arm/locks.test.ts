import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { NORTH, SUBSCRIPTION, type TestBox, finished, groupId, idOf, startBox } from "./fixture.ts";

const GROUP = groupId("g");
const DISK = idOf("g", "Microsoft.Compute/disks", "d");
const lockOf = (scope: string, name = "keep") => `${scope}/providers/Microsoft.Authorization/locks/${name}`;
const locksOf = (scope: string) => `${scope}/providers/Microsoft.Authorization/locks`;
const body = {
  location: NORTH,
  properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1 },
};

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await box.client.put(GROUP, { location: NORTH });
  await finished(box.client, await box.client.put(DISK, body));
});
afterAll(() => box.close());

async function locked(scope: string, level: string, run: () => Promise<void>): Promise<void> {
  await box.client.put(lockOf(scope), { properties: { level, notes: "ours" } });
  try {
    await run();
  } finally {
    await box.client.delete(lockOf(scope));
  }
}
const names = async (path: string, query: Record<string, string> = {}) =>
  z
    .object({ value: z.array(z.object({ id: z.string() })) })
    .parse((await box.client.get(path, { query })).body)
    .value.map(({ id }) => id);

test("what may not be deleted may be changed, and what is above it may not be deleted either", async () => {
  await locked(DISK, "CanNotDelete", async () => {
    await expect(box.client.delete(DISK)).rejects.toThrow(/ScopeLocked.*cannot perform delete/);
    await expect(box.client.delete(GROUP)).rejects.toThrow(/ScopeLocked/);
    await finished(box.client, await box.client.put(DISK, { ...body, tags: { a: "b" } }));
  });
  expect(await box.client.find(DISK)).toBeDefined();
});

test.each([
  ["the disk", DISK],
  ["its group", GROUP],
  ["the subscription", `/subscriptions/${SUBSCRIPTION}`],
])("a ReadOnly lock on %s refuses every write and action on it", async (_, scope) => {
  await locked(scope, "ReadOnly", async () => {
    await expect(box.client.put(DISK, body)).rejects.toThrow(/ScopeLocked.*cannot perform write/);
    await expect(
      box.client.post(`${DISK}/beginGetAccess`, { access: "Read", durationInSeconds: 60 }),
    ).rejects.toThrow(/ScopeLocked/);
    await expect(box.client.delete(DISK)).rejects.toThrow(/ScopeLocked/);
    expect((await box.client.get(DISK)).status).toBe(200);
  });
  await finished(box.client, await box.client.put(DISK, body));
});

test("locks are listed at a scope and below it, or with atScope() at it and above", async () => {
  await box.client.put(lockOf(GROUP, "of-group"), { properties: { level: "CanNotDelete" } });
  await locked(DISK, "CanNotDelete", async () => {
    expect(await names(locksOf(GROUP))).toEqual([lockOf(GROUP, "of-group"), lockOf(DISK)]);
    expect(await names(locksOf(DISK))).toEqual([lockOf(DISK)]);
    expect(await names(locksOf(DISK), { $filter: "atScope()" })).toEqual([
      lockOf(GROUP, "of-group"),
      lockOf(DISK),
    ]);
  });
  expect((await box.client.get(lockOf(GROUP, "of-group"))).body).toEqual({
    id: lockOf(GROUP, "of-group"),
    name: "of-group",
    type: "Microsoft.Authorization/locks",
    properties: { level: "CanNotDelete" },
  });
  expect((await box.client.delete(lockOf(GROUP, "of-group"))).status).toBe(200);
  expect((await box.client.delete(lockOf(GROUP, "of-group"))).status).toBe(204);
});
