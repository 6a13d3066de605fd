import { expect, test } from "vitest";
import fc from "fast-check";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { conditionsIn, filterBy } from "../../../../functions/vault/filter.ts";

interface Row {
  readonly state: string;
  readonly at: number;
  readonly fabric?: string;
}
const FIELDS = {
  state: { of: ({ state }: Row) => state },
  fabric: { of: ({ fabric }: Row) => fabric },
  starttime: { of: ({ at }: Row) => at, bound: "from" as const },
  endtime: { of: ({ at }: Row) => at, bound: "until" as const },
};
const noon = Date.parse("2026-11-22T12:00:00Z");
const rows: Row[] = [
  { state: "Failed", at: noon },
  { state: "Succeeded", at: noon + 1, fabric: "it's" },
];
const passing = (text: string) => rows.filter(filterBy(conditionsIn(text), FIELDS)).map(({ state }) => state);

test.each([
  ["", ["Failed", "Succeeded"]],
  ["State eq 'failed'", ["Failed"]],
  ["state eq Failed", ["Failed"]],
  ["state ne 'Failed'", ["Succeeded"]],
  ["fabric eq 'it''s'", ["Succeeded"]],
  ["fabric ne 'it''s'", ["Failed"]],
  ["StartTime eq '2026-11-22T12:00:00Z'", ["Failed", "Succeeded"]],
  ["EndTime eq '2026-11-22T12:00:00Z'", ["Failed"]],
  ["StartTime gt '2026-11-22T12:00:00Z' and state eq 'Succeeded'", ["Succeeded"]],
])("%j lets pass %j", (text, states) => {
  expect(passing(text)).toEqual(states);
});

test.each([
  "state",
  "state eq",
  "state eq 'a' and",
  "state is 'a'",
  "colour eq 'red'",
  "starttime eq 'noon'",
  "state eq 'a' or state eq 'b'",
  "constructor eq 'a'",
])("%j is refused", (text) => {
  expect(() => passing(text)).toThrow(expect.objectContaining({ code: "InvalidRequest" }));
});

test("any text is a filter or refused", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(state|and|eq|'|a| ){1,20}$/)), (text) => {
      expect(["array", "InvalidRequest"]).toContain(outcome(text));
    }),
  );
});

function outcome(text: string): string {
  try {
    return Array.isArray(passing(text)) ? "array" : "nothing";
  } catch (error) {
    return error instanceof LeewardError ? error.code : String(error);
  }
}
