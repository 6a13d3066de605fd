import { expect, test } from "vitest";
import { AGENT_VERSION, isOutdated } from "../../../../engine/contract/agent-version.ts";
import about from "../../../../package.json" with { type: "json" };

test("the agent has the version of the release", () => {
  expect(AGENT_VERSION).toBe(about.version);
});

test.each([
  ["0.9.9", "0.10.0", true],
  ["0.10.0", "0.10.0", false],
  ["0.10.1", "0.10.0", false],
  ["1.0.0", "0.10.0", false],
  ["0.9.12", "1.0.0", true],
  ["0.10.0-rc.1", "0.10.0", false],
  ["", "0.10.0", false],
  ["nightly", "0.10.0", false],
])("version %s is older than %s: %s", (version, than, older) => {
  expect(isOutdated(version, than)).toBe(older);
});
