import path from "node:path";
import { expect, test } from "vitest";
import { OPERATIONS } from "../../../engine/contract/site-recovery.ts";
import { NOTES } from "../../../engine/contract/site-recovery-notes.ts";
import { SCHEMAS } from "../../../functions/api-schemas.ts";
import { ROUTES } from "../../../functions/http.ts";
import { isOutdated } from "../../../infra/api-description.ts";

test("docs/asr-compatibility.md says what the routes say (npm run api-description)", () => {
  expect(isOutdated(path.join(import.meta.dirname, "../../.."))).toBe(false);
});

test("what is said of operations and routes is said of some that there are", () => {
  const operations = new Set(OPERATIONS.map(({ name }) => name));
  expect(Object.keys(NOTES).filter((name) => !operations.has(name))).toEqual([]);
  expect(Object.keys(SCHEMAS).filter((name) => !ROUTES.has(name))).toEqual([]);
});
