import { h } from "./dom.js";
import { nameOfMachine } from "./machine-name.js";

/** What the app allows for a machine now, in its own words, from what is done often to what ends it. */
const OPERATIONS = [
  ["RepairReplication", "Resync now…", "askResync"],
  ["TestFailoverCleanup", "Clean up the test…", "askTestCleanup"],
  ["TestFailover", "Test failover…", "askTest"],
  ["CancelFailover", "Cancel the failover…", "askCancelFailover"],
  ["ChangePit", "Change the recovery point…", "askChangePoint"],
  ["Commit", ({ state }) => (state === "CommitFailed" ? "Try the commit again…" : "Commit…"), "askCommit"],
  [
    "SwitchProtection",
    ({ state }) =>
      state === "ReversalFailed" ? "Try to protect it back again…" : "Protect it the other way…",
    "askReprotect",
  ],
  ["PlannedFailover", "Planned failover…", "askPlannedFailover"],
  [
    "UnplannedFailover",
    ({ state }) => (state === "Protected" ? "Fail over…" : "Try the failover again…"),
    "askFailover",
    "danger",
  ],
];

export function actionsView(item, model, actions) {
  const { leeward = {}, allowedOperations = [] } = item.properties;
  const name = nameOfMachine(item);
  const button = (key, words, onclick, { kind, about = ` ${name}` } = {}) =>
    h(
      "button",
      { key, type: "button", class: kind, onclick, disabled: model.sending },
      words,
      h("span", { class: "unseen" }, about),
    );
  return h(
    "div",
    { class: "actions", key: "actions" },
    leeward.state === "Protected" &&
      leeward.agent?.upgradeAvailable &&
      button("upgrade", "Upgrade the agent", () => actions.upgrade({ id: item.id, name }), {
        about: ` of ${name}`,
      }),
    allowedOperations.includes("DisableProtection") &&
      button("DisableProtection", "Disable…", () => actions.askDisable(item)),
    allowedOperations.includes("UnplannedFailover") &&
      (leeward.state === "Protected" || leeward.group) &&
      button("group", leeward.group ? `Leave ${leeward.group.name}…` : "Add to a group…", () =>
        actions.askMembership(item),
      ),
    allowedOperations.includes("TestFailover") &&
      !leeward.test &&
      button("drill", "Drill…", () => actions.askDrill(item)),
    OPERATIONS.filter(([operation]) => allowedOperations.includes(operation)).map(
      ([operation, words, action, kind]) =>
        button(operation, typeof words === "function" ? words(leeward) : words, () => actions[action](item), {
          kind,
        }),
    ),
  );
}
