import { expect, test } from "vitest";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { changedPolicy } from "../../../functions/changed-policy.ts";

const old = recoveryPolicy.parse({ capture: "snapshots", imageInterval: 300_000 });

test("the interval of images can be changed, and nothing else changes with it", () => {
  expect(changedPolicy(old, { imageInterval: 900_000 })).toEqual({ ...old, imageInterval: 900_000 });
  expect(changedPolicy(old, { capture: "snapshots", retention: { interval: 60_000 } })).toEqual({
    ...old,
    retention: { ...old.retention, interval: 60_000 },
  });
});

test("an interval that is shorter than snapshots can be taken is refused by its name", () => {
  expect(() => changedPolicy(old, { imageInterval: 59_000 })).toThrow(
    expect.objectContaining({
      code: "InvalidRequest",
      message: expect.stringContaining("properties.leeward.policy.imageInterval"),
    }),
  );
});

test("how a machine is captured cannot be changed, and the refusal says what to do", () => {
  expect(() => changedPolicy(old, { capture: "nbd" })).toThrow(
    expect.objectContaining({
      code: "InvalidRequest",
      message: expect.stringMatching(/captured by snapshots.*remove its protection/),
    }),
  );
});
