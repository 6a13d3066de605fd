import { h } from "./dom.js";
import { clock, duration, secondsSince } from "./format.js";
import { groupsView } from "./groups.js";
import { jobOutcome, jobsView } from "./jobs.js";
import { machineView } from "./machine.js";
import { plansView } from "./recovery-plans.js";

const STALE_SECONDS = 12;

/** The bar at the top: where one is, and how fresh what one sees is. */
export function topView(model, signedIn, actions) {
  const region = model.config && h("span", { class: "where" }, `recovery region ${model.config.region}`);
  return h(
    "div",
    { class: "bar" },
    h("span", { class: "brand" }, "Leeward"),
    region,
    h("span", { class: "fresh", role: "status" }, signedIn ? freshness(model) : "signed out"),
    signedIn && h("button", { class: "quiet", type: "button", onclick: actions.signOut }, "Sign out"),
  );
}

function freshness({ readAt, failure }) {
  if (!readAt) return failure ? "not connected" : "connecting…";
  return failure || secondsSince(readAt * 1000) > STALE_SECONDS
    ? `stale: read ${clock(readAt * 1000)}`
    : "live";
}

export function signInView(model, actions) {
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token");
    if (token) actions.signIn(token);
  };
  return h(
    "section",
    { class: "card signin", key: "signin" },
    h("h1", null, "Sign in"),
    model.failure?.status === 401 &&
      h(
        "div",
        { class: "notice bad", role: "alert" },
        h("p", null, `${model.failure.code}: ${model.failure.message}`),
      ),
    h(
      "p",
      null,
      "Paste a bearer token for this API. It stays in this tab and is forgotten when you close it. ",
      "In the box, npm start prints a link that holds one.",
    ),
    h(
      "form",
      { onsubmit: submit },
      h("label", { for: "token" }, "Token"),
      h("input", { id: "token", name: "token", type: "password", autocomplete: "off", required: true }),
      h("button", { class: "primary", type: "submit" }, "Sign in"),
    ),
  );
}

export function pageView(model, actions) {
  const { data } = model;
  return h(
    "div",
    { key: "page" },
    failureView(model),
    noticeView(model, actions),
    data
      ? [
          machinesView(model, actions),
          groupsView(data, model, actions),
          plansView(data, model, actions),
          protectableView(model, actions),
          jobsView(data.jobs),
        ]
      : !model.failure && h("p", { class: "hint" }, "Reading the machines…"),
  );
}

/** Old data is shown, and said to be old. */
function failureView({ failure, readAt }) {
  if (!failure) return undefined;
  const since = readAt
    ? `What you see is from ${clock(readAt * 1000)}, ${duration(secondsSince(readAt * 1000))} ago, and may be wrong by now.`
    : "Nothing could be read yet.";
  return h(
    "div",
    { class: "notice bad", role: "alert", key: "failure" },
    h("p", null, h("strong", null, failure.message), ` (${failure.code})`),
    h("p", null, since),
    failure.remedy && h("p", null, failure.remedy),
  );
}

/** What came of the last request; of one that began a job, how far that is, until somebody has read how it ended. */
function noticeView({ notice, data }, actions) {
  if (!notice) return undefined;
  const job = notice.job && data?.jobs.find(({ name }) => name === notice.job);
  const kind = job?.properties.state === "Failed" ? "bad" : notice.kind;
  return h(
    "div",
    { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status", key: "notice" },
    h("p", { key: "title" }, h("strong", null, notice.title), notice.message && ` ${notice.message}`),
    notice.remedy && h("p", { key: "remedy" }, notice.remedy),
    job && jobOutcome(job),
    h("button", { class: "quiet", key: "dismiss", type: "button", onclick: actions.dismiss }, "Dismiss"),
  );
}

function machinesView(model, actions) {
  const { items } = model.data;
  return h(
    "section",
    { key: "machines", "aria-labelledby": "machines-title", class: model.failure ? "stale" : "" },
    h("h1", { id: "machines-title" }, "Protected machines"),
    items.length === 0 &&
      h("p", { class: "hint" }, "No machine is protected yet. Choose one below; it keeps running meanwhile."),
    items.map((item) => machineView(item, model, actions)),
  );
}

function protectableView({ machines }, actions) {
  const open = machines.value?.filter((machine) => !machine.protected) ?? [];
  return h(
    "section",
    { key: "protectable", "aria-labelledby": "protectable-title" },
    h("h2", { id: "protectable-title" }, "Not protected"),
    machines.failure &&
      h(
        "div",
        { class: "notice bad", key: "failure" },
        h("p", null, `Azure could not be asked for its machines: ${machines.failure.message}`),
      ),
    open.length === 0 &&
      !machines.failure &&
      h(
        "p",
        { class: "hint" },
        machines.value
          ? "Every machine that Leeward can see is protected."
          : "Asking Azure for its machines…",
      ),
    h(
      "ul",
      { class: "plain" },
      open.map((machine) =>
        h(
          "li",
          { class: "card row", key: machine.id },
          h(
            "div",
            null,
            h("strong", null, machine.name),
            h("div", { class: "hint" }, [machine.region, machine.size].filter(Boolean).join(" · ")),
          ),
          h(
            "button",
            { class: "primary", type: "button", onclick: () => actions.askEnable(machine) },
            "Enable",
            h("span", { class: "unseen" }, ` protection of ${machine.name}`),
          ),
        ),
      ),
    ),
  );
}
