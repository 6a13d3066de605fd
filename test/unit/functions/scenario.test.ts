import { expect, test } from "vitest";
import { scenarioOf } from "../../../functions/scenario.ts";

test("a failover that waits for its source to be shut down is a planned one, by name as well", () => {
  const named = (shutDown?: "required" | "attempt") => scenarioOf({ kind: "failover", shutDown })[0];
  expect(named("required")).toBe("PlannedFailover");
  expect(named("attempt")).toBe("UnplannedFailover");
  expect(named()).toBe("UnplannedFailover");
});
