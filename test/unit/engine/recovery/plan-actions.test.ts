import { expect, test } from "vitest";
import { type PlanAction, checkGroups } from "../../../../engine/recovery/recovery-plan.ts";

const action = (failoverTypes: string[], failoverDirections: string[]): PlanAction => ({
  actionName: "approve",
  failoverTypes,
  failoverDirections,
  customDetails: { instanceType: "ManualActionDetails" },
});
const group = (start: PlanAction[], end: PlanAction[] = []) => ({
  groupType: "Boot" as const,
  items: [],
  start,
  end,
});
const there = "PrimaryToRecovery";
const back = "RecoveryToPrimary";

test.each([
  ["that is for the way back alone", ["UnplannedFailover"], [back]],
  ["without a direction", ["UnplannedFailover"], []],
  ["without a type", [], [there]],
  ["of types that no run has", ["DisableProtection", "ChangePit"], [there]],
])("an action %s is refused by its path, since no run would carry it out", (_, types, directions) => {
  const idle = action(types, directions);
  expect(() => checkGroups([group([]), group([], [idle])])).toThrow("properties.groups.1.endGroupActions.0");
  expect(() => checkGroups([group([idle])])).toThrow("properties.groups.0.startGroupActions.0");
});

test("an action that some run carries out may name others as well", () => {
  const both = action(["DisableProtection", "Commit"], [back, there]);
  expect(() => checkGroups([group([both], [both])])).not.toThrow();
});
