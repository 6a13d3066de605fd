import { h } from "./dom.js";
import { clock, count, duration, nameOf, secondsSince, size, toDate } from "./format.js";

const JOBS_SHOWN = 12;
const KINDS = { Succeeded: "good", Failed: "bad", InProgress: "busy", NotStarted: "idle", Cancelled: "idle" };
const WORDS = { InProgress: "at work", NotStarted: "to come", Succeeded: "done", Failed: "failed" };

export function jobsView(jobs) {
  const newest = jobs.toSorted((a, b) =>
    String(b.properties.startTime).localeCompare(String(a.properties.startTime)),
  );
  return h(
    "section",
    { key: "jobs", "aria-labelledby": "jobs-title" },
    h("h2", { id: "jobs-title" }, "Jobs"),
    jobs.length === 0 && h("p", { class: "hint" }, "No job has run yet."),
    h("ul", { class: "plain" }, newest.slice(0, JOBS_SHOWN).map(jobView)),
  );
}

/** How far a job is, or how it ended, in a line that changes with its steps and not with the clock: it is read out. */
export function jobOutcome({ properties: { state, stateDescription, tasks = [], errors = [] } }) {
  const at = tasks.findIndex((task) => task.state === "InProgress");
  const step = at < 0 ? undefined : `Step ${at + 1}: ${tasks[at].friendlyName ?? tasks[at].name}.`;
  const words = { Succeeded: "It is done.", Failed: "It failed.", Cancelled: "It was cancelled." };
  return [
    h("p", { key: "outcome" }, words[state] ?? step ?? `It is at work: ${stateDescription}.`),
    errors.map((error) => errorView(error)),
  ];
}

function jobView({ id, name, properties }) {
  const {
    friendlyName,
    scenarioName,
    state,
    startTime,
    tasks = [],
    errors = [],
    targetObjectName,
  } = properties;
  const target = targetObjectName ?? nameOf(properties.targetObjectId);
  const removed = properties.leewardRemoved ?? properties.leewardDeleted;
  return h(
    "li",
    { class: "card job", key: id ?? name },
    h(
      "div",
      { class: "spread" },
      h(
        "strong",
        null,
        [friendlyName ?? scenarioName ?? name, target && ` · ${target}`].filter(Boolean).join(""),
      ),
      h("span", { class: `pill ${KINDS[state] ?? "busy"}` }, WORDS[state] ?? state),
    ),
    h(
      "div",
      { class: "hint" },
      [startTime && `started ${clock(startTime)}`, durationOf(properties)].filter(Boolean).join(" · "),
    ),
    errors.map((error) => errorView(error)),
    removed && removedView(removed, "Deleted", "Left"),
    properties.leewardChanges?.length > 0 && changesView(properties.leewardChanges),
    tasks.length > 0 &&
      h(
        "details",
        null,
        h("summary", null, stepsSummary(tasks)),
        stepsView(
          tasks.map((task) => ({ ...task, name: task.friendlyName ?? task.name, took: durationOf(task) })),
        ),
      ),
  );
}

/** What a machine that is protected the other way will have otherwise than before. */
const changesView = (changes) =>
  h(
    "details",
    { key: "changes" },
    h("summary", null, `Otherwise than before: ${count(changes.length, "thing")}`),
    h(
      "ul",
      null,
      changes.map((change) => h("li", { key: change }, change)),
    ),
  );

/** What the end of a protection deletes, and what it leaves, and why. */
export function removedView({ deleted, left, unnamed }, deletedWords, leftWords) {
  return [
    thingsView(deletedWords, deleted, unnamed?.deleted ?? 0),
    thingsView(leftWords, left, unnamed?.left ?? 0),
  ];
}

function thingsView(words, things, others) {
  if (things.length === 0) return undefined;
  return h(
    "details",
    { key: words },
    h("summary", null, `${words}: ${count(things.length + others, "thing")}`),
    h(
      "ul",
      { class: "plain" },
      things.map(({ type, name, count: many, bytes, why }) =>
        h(
          "li",
          { key: `${type} ${name}` },
          h("span", null, `${nameOf(type)} `, h("code", null, shortOf(name)), " "),
          h(
            "span",
            { class: "hint" },
            [many && `${count(many, "object")}, ${size(bytes)}`, why].filter(Boolean).join(", "),
          ),
        ),
      ),
    ),
  );
}

/** Of a resource its name; where objects are is short already. */
const shortOf = (name) => (name.startsWith("/subscriptions/") ? nameOf(name) : name);

const stepsSummary = (tasks) =>
  `${tasks.filter(({ state }) => state === "Succeeded").length} of ${tasks.length} steps done`;

function errorView({ serviceErrorDetails, providerErrorDetails }) {
  const { code, message, errorCode, errorMessage, recommendedAction } =
    serviceErrorDetails ?? providerErrorDetails ?? {};
  return h(
    "div",
    { class: "notice bad", key: `${code} ${message}` },
    h("p", null, h("strong", null, code ?? errorCode ?? "Error"), ` ${message ?? errorMessage ?? ""}`),
    recommendedAction && h("p", null, recommendedAction),
  );
}

export function stepsView(steps) {
  return h(
    "ol",
    { class: "steps" },
    steps.map((step, index) =>
      h(
        "li",
        { key: `${index} ${step.name}`, class: KINDS[step.state] ?? "busy" },
        h("span", null, step.name),
        h("span", { class: "hint" }, [WORDS[step.state] ?? step.state, step.took].filter(Boolean).join(", ")),
      ),
    ),
  );
}

/** How long something took, or takes so far. */
export function durationOf({ startTime, endTime, state }) {
  if (!startTime) return undefined;
  if (endTime) return duration((toDate(endTime) - toDate(startTime)) / 1000);
  return state === "InProgress" ? duration(secondsSince(startTime)) : undefined;
}
