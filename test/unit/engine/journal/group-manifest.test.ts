import fc from "fast-check";
import { expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { barrierId, groupId, machineId } from "../../../../engine/core/ids.ts";
import { generation, micros, millis, sequence } from "../../../../engine/core/units.ts";
import { encodeDigested } from "../../../../engine/journal/digested.ts";
import {
  type GroupPoint,
  decodeGroupPoint,
  encodeGroupPoint,
} from "../../../../engine/journal/group-manifest.ts";
import { groupPointName, parseGroupPointName } from "../../../../engine/journal/names.ts";

const POINT: GroupPoint = {
  format: 1,
  group: groupId("00000000-0000-8000-8000-0000000000aa"),
  id: barrierId("00000000-0000-4000-8000-000000000001"),
  time: micros(1_900_000_000_000_000),
  hold: millis(100),
  consistency: "application",
  members: [
    { machine: machineId("a"), generation: generation(1), sequence: sequence(7), chain: NO_DIGEST },
    { machine: machineId("b"), generation: generation(3), sequence: sequence(0), chain: NO_DIGEST },
  ],
};

test("a group's manifest is what was put in, whatever the order of its keys", () => {
  const document = encodeGroupPoint(POINT);
  expect(decodeGroupPoint(document)).toEqual(POINT);
  const { members, ...rest } = POINT;
  expect(encodeGroupPoint({ members, ...rest }).equals(document)).toBe(true);
});

test("any changed byte is noticed", () => {
  const document = encodeGroupPoint(POINT);
  fc.assert(
    fc.property(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const damaged = Buffer.from(document);
      damaged[place] = (damaged[place] ?? 0) ^ change;
      expect(() => decodeGroupPoint(damaged)).toThrow(/manifest/);
    }),
  );
});

test("members in disorder, twice, or none are no manifest", () => {
  const [a] = POINT.members;
  for (const members of [POINT.members.toReversed(), a ? [a, a] : [], []])
    expect(() => encodeGroupPoint({ ...POINT, members })).toThrow(RangeError);
});

test("a newer format is said to be one, and a format that rotted is not", () => {
  expect(() => decodeGroupPoint(encodeDigested({ ...POINT, format: 2 }))).toThrow(/format 2/);
  const rotten = Buffer.from(encodeGroupPoint(POINT).toString().replace('"format": 1', '"format": 3'));
  expect(() => decodeGroupPoint(rotten)).toThrow(expect.objectContaining({ code: "ManifestDamaged" }));
});

test("names lead back to what they name, and sort by instant", () => {
  for (const consistency of ["crash", "application"] as const) {
    const { group, time, id } = POINT;
    const place = { group, time, id, consistency };
    expect(parseGroupPointName(groupPointName(place))).toEqual(place);
  }
  const name = groupPointName(POINT);
  expect(name < groupPointName({ ...POINT, time: micros(POINT.time + 1) })).toBe(true);
  expect(parseGroupPointName(name.replace("groups/", "machines/"))).toBeUndefined();
});
