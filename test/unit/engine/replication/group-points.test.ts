import { expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { barrierId, groupId, machineId } from "../../../../engine/core/ids.ts";
import { generation, micros, millis, sequence } from "../../../../engine/core/units.ts";
import type { GroupPoint } from "../../../../engine/journal/group-manifest.ts";
import { groupPointName, groupTwinName } from "../../../../engine/journal/names.ts";
import { createGroupPoint, readGroupPoint } from "../../../../engine/replication/group-points.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";

const POINT: GroupPoint = {
  format: 1,
  group: groupId("00000000-0000-8000-8000-0000000000aa"),
  id: barrierId("00000000-0000-4000-8000-000000000001"),
  time: micros(1_900_000_000_000_000),
  hold: millis(100),
  consistency: "crash",
  members: [{ machine: machineId("a"), generation: generation(1), sequence: sequence(7), chain: NO_DIGEST }],
};

test("a group's point that is made twice is one", async () => {
  const target = new MemoryObjectStore();
  await createGroupPoint(target, POINT);
  await createGroupPoint(target, POINT);
  expect(await readGroupPoint(target, POINT)).toEqual(POINT);
});

test.each([groupPointName, groupTwinName])(
  "one that rotted since a faster run made it is put again",
  async (nameOf) => {
    const target = new MemoryObjectStore();
    await createGroupPoint(target, POINT);
    const whole = (await target.get(nameOf(POINT)))?.body;
    await target.put(nameOf(POINT), Buffer.from("{}"), "any");
    await createGroupPoint(target, POINT);
    expect((await target.get(nameOf(POINT)))?.body).toEqual(whole);
  },
);

test("one of other members stays, and is named", async () => {
  const target = new MemoryObjectStore();
  await createGroupPoint(target, POINT);
  const [a] = POINT.members;
  const other = { ...POINT, members: a ? [{ ...a, sequence: sequence(8) }] : [] };
  await expect(createGroupPoint(target, other)).rejects.toThrow(groupPointName(POINT));
  expect(await readGroupPoint(target, POINT)).toEqual(POINT);
});
