import fc from "fast-check";
import { expect, test } from "vitest";
import { CATALOGUE, type ErrorCode, LeewardError } from "../../../engine/core/errors.ts";
import { millis } from "../../../engine/core/units.ts";
import { decodeFailure, encodeFailure } from "../../../orchestrations/failure.ts";

const codes = Object.keys(CATALOGUE).filter((code): code is ErrorCode => Object.hasOwn(CATALOGUE, code));

test("code and message come whole through the words that a host puts around them", () => {
  const message = fc
    .string({ unit: fc.constantFrom("a", "b", " ", "Ä", "[", "]", ":", "'", '"', "$") })
    .map((text) => text.trimEnd());
  fc.assert(
    fc.property(fc.constantFrom(...codes), message, (code, text) => {
      const line = encodeFailure(new LeewardError(code, text));
      const wrapped = [
        `Activity function 'ship' failed: ${line} \n at ship (/app/ship.ts:1)`,
        `Result: Failure\nException: ${line}\nStack: Error`,
        line,
      ];
      for (const said of wrapped)
        expect(decodeFailure(new Error(said))).toMatchObject({ code, message: text });
    }),
  );
});

test("the wait that the other side asked for comes along", () => {
  const line = encodeFailure(new LeewardError("ArmUnavailable", "throttled", undefined, millis(17_000)));
  expect(line).toBe("[ArmUnavailable after 17000 ms] throttled");
  const wrapped = new Error(`Activity function 'createVm' failed: ${line} \n at x`);
  expect(decodeFailure(wrapped)).toMatchObject({ code: "ArmUnavailable", retryAfter: 17_000 });
});

test("a message of several lines becomes one", () => {
  expect(encodeFailure(new LeewardError("ArmFailed", "no\n  such thing"))).toBe("[ArmFailed] no such thing");
});

test("what has no known code is unexpected, and may pass", () => {
  expect(decodeFailure(new Error("socket hang up \n at x"))).toMatchObject({
    code: "Unexpected",
    class: "retry",
  });
  expect(decodeFailure(new Error("[Nonsense] x"))).toMatchObject({ code: "Unexpected" });
  expect(encodeFailure(new TypeError("x is undefined"))).toBe("[Unexpected] x is undefined");
});
