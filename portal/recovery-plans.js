import { h } from "./dom.js";
import { clock, count, nameOf } from "./format.js";
import { jobOutcome } from "./jobs.js";
import { nameOfMachine } from "./machine-name.js";

/** What a plan can be run for, in the app's words. */
export const RUNS = {
  TestFailoverCleanup: { words: "Clean up the tests…", path: "testFailoverCleanup" },
  TestFailover: { words: "Test failover…", path: "testFailover" },
  CancelFailover: { words: "Cancel the failovers…", path: "failoverCancel" },
  Commit: { words: "Commit…", path: "failoverCommit" },
  ReverseReplicate: { words: "Protect the other way…", path: "reProtect" },
  PlannedFailover: { words: "Planned failover…", path: "plannedFailover" },
  UnplannedFailover: { words: "Fail over…", path: "unplannedFailover", kind: "danger" },
};

/** Plans are made by the API; here they are run. Nothing where there are none. */
export function plansView({ plans, items, jobs }, model, actions) {
  if (plans.length === 0) return undefined;
  return h(
    "section",
    { key: "plans", "aria-labelledby": "plans-title" },
    h("h2", { id: "plans-title" }, "Recovery plans"),
    plans.map((plan) => planView(plan, items, jobs, model, actions)),
  );
}

function planView(plan, items, jobs, model, actions) {
  const { name, properties } = plan;
  const { allowedOperations, currentScenario, groups } = properties;
  const job = jobs.find(({ id }) => id.toLowerCase() === currentScenario.jobId.toLowerCase());
  return h(
    "article",
    { class: "card", key: plan.id, "aria-labelledby": `plan-${name}` },
    h("header", null, h("h3", { id: `plan-${name}` }, name)),
    h(
      "ol",
      { class: "groups" },
      groups.map((group, at) => h("li", { key: `group ${at}` }, groupWords(group, items))),
    ),
    lastTest(properties),
    job && h("div", { key: "job", class: "notice busy" }, jobOutcome(job), goOn(job, model, actions)),
    h(
      "div",
      { class: "actions", key: "actions" },
      Object.entries(RUNS)
        .filter(([run]) => allowedOperations.includes(run))
        .map(([run, { words, kind }]) =>
          h(
            "button",
            {
              key: run,
              type: "button",
              class: kind,
              onclick: () => actions.askRunPlan(plan, run),
              disabled: model.sending,
            },
            words,
            h("span", { class: "unseen" }, ` of ${name}`),
          ),
        ),
    ),
  );
}

/** A job that waits for a person: what it waits for is the step that it is in. */
const goOn = (job, model, actions) =>
  job.properties.allowedActions.includes("Resume") &&
  h(
    "button",
    {
      key: "resume",
      class: "primary",
      type: "button",
      onclick: () => actions.resumeJob(job),
      disabled: model.sending,
    },
    "It is done: go on",
    h("span", { class: "unseen" }, ` with ${job.properties.targetObjectName}`),
  );

function groupWords({ groupType, replicationProtectedItems, startGroupActions, endGroupActions }, items) {
  const names = replicationProtectedItems.map(({ id }) => nameIn(items, id)).join(", ");
  const acts = [...startGroupActions, ...endGroupActions];
  return [
    names || groupType,
    acts.length > 0 &&
      h(
        "span",
        { class: "hint" },
        ` with ${count(acts.length, "action")}: ${acts.map(({ actionName }) => actionName).join(", ")}`,
      ),
  ];
}

const lastTest = ({ lastTestFailoverTime: time }) =>
  h(
    "p",
    { class: "hint", key: "test" },
    time ? `Tested as a whole at ${clock(time)}.` : "Never tested as a whole.",
  );

/** One that is no longer protected has its id alone. */
const nameIn = (items, id) => {
  const item = items.find((one) => one.id.toLowerCase() === id.toLowerCase());
  return item ? nameOfMachine(item) : nameOf(id);
};

export const machinesOf = ({ properties }, items) => {
  const ids = properties.groups.flatMap((group) =>
    group.replicationProtectedItems.map(({ id }) => id.toLowerCase()),
  );
  return items.filter(({ id }) => ids.includes(id.toLowerCase()));
};
