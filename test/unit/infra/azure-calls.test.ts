import path from "node:path";
import { expect, test } from "vitest";
import { CALLS, ROLES, actionsOf } from "../../../engine/azure/calls.ts";
import { outdated, roleActions } from "../../../infra/azure-calls.ts";

const root = path.join(import.meta.dirname, "../../..");

test("docs/azure-calls.md and infra/roles.json say what the table of calls says (npm run azure-calls)", () => {
  expect(outdated(root)).toEqual([]);
});

test("a role holds the actions of the calls that name it, and no others", () => {
  const actions = roleActions();
  for (const role of ROLES) {
    const needed = CALLS.filter((call) => call.roles.includes(role)).flatMap(actionsOf);
    expect(new Set(actions[role])).toEqual(new Set(needed));
  }
});

test("no role holds a wildcard, a right to assign roles or to lift locks, or a storage account's keys", () => {
  const all = Object.values(roleActions()).flat();
  expect(all.filter((action) => /\*|Authorization\/.*\/(?!read$)|listKeys/i.test(action))).toEqual([]);
});
