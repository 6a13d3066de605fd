import { h } from "./dom.js";
import { clock, count, duration, iso } from "./format.js";
import { instanceLink, noticeView, statusPill } from "./top.js";

const STATUSES = ["Pending", "Running", "Suspended", "Completed", "Failed", "Terminated"];
const TYPING_MILLIS = 250;

export function listView(model, actions) {
  const query = new URLSearchParams(model.route.query);
  return h(
    "div",
    { key: "list", class: model.failure ? "stale" : "" },
    noticeView(model.failure),
    filterView(model, query, actions),
    model.data?.instances && tableView(model.data),
    model.data?.instances && pagesView(model.data, query),
    h("p", { class: "hint" }, "↑ ↓ to move, Enter to open, / to search by id. The list is live."),
  );
}

function filterView({ data, visit }, query, actions) {
  const counts = data?.counts ?? [];
  const chosen = new Set(query.get("status")?.split(",") ?? []);
  return h(
    "form",
    { class: "filter", key: visit, role: "search", onsubmit: (event) => event.preventDefault() },
    h(
      "fieldset",
      { class: "statuses" },
      h("legend", { class: "unseen" }, "Status"),
      STATUSES.map((status) => statusToggle(status, chosen, counts, query, actions)),
    ),
    h(
      "div",
      { class: "fields" },
      field("Orchestrator", nameSelect(counts, query, actions)),
      field(
        "Id begins with",
        h("input", {
          id: "prefix",
          type: "search",
          initial: query.get("prefix") ?? "",
          autocomplete: "off",
          spellcheck: "false",
          oninput: later((value) => actions.filter({ prefix: value })),
        }),
      ),
      field("Created from", timeInput("from", query, actions)),
      field("to", timeInput("to", query, actions)),
    ),
  );
}

function statusToggle(status, chosen, counts, query, actions) {
  const name = query.get("name");
  const number = counts
    .filter((entry) => entry.status === status && (name === null || entry.name === name))
    .reduce((sum, entry) => sum + entry.count, 0);
  const pressed = chosen.has(status);
  const next = new Set(chosen);
  if (pressed) next.delete(status);
  else next.add(status);
  return h(
    "button",
    {
      type: "button",
      class: "toggle",
      "aria-pressed": String(pressed),
      onclick: () => actions.filter({ status: [...next].join(",") }),
    },
    status,
    h("span", { class: "number" }, number.toLocaleString("en")),
  );
}

const field = (label, control) => h("label", { class: "field" }, h("span", {}, label), control);

function nameSelect(counts, query, actions) {
  const chosen = query.get("name") ?? "";
  const names = new Set([...counts.map(({ name }) => name), ...(chosen ? [chosen] : [])]);
  return h(
    "select",
    { onchange: (event) => actions.filter({ name: event.target.value }) },
    h("option", { value: "", selected: chosen === "" }, "all"),
    [...names].map((name) => h("option", { key: name, value: name, selected: name === chosen }, name)),
  );
}

const timeInput = (name, query, actions) =>
  h("input", {
    type: "datetime-local",
    step: "1",
    initial: query.has(name) ? localText(Number(query.get(name))) : "",
    onchange: ({ target: { value } }) =>
      actions.filter({ [name]: value === "" ? "" : String(new Date(value).getTime()) }),
  });

/** As the input wants it: in the browser's own time zone. */
function localText(time) {
  const offset = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offset).toISOString().slice(0, 19);
}

/** Once typing has paused. */
function later(act) {
  let timer;
  return ({ target }) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(target.value), TYPING_MILLIS);
  };
}

function tableView({ instances, now }) {
  if (instances.length === 0) return h("p", { class: "card empty" }, "No orchestration is like that.");
  return h(
    "div",
    { class: "card scroll" },
    h(
      "table",
      { class: "list" },
      h("caption", { class: "unseen" }, "Orchestrations, the newest first"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Status", "Orchestrator", "Id", "Created", "Took", "Custom status or error"].map((title) =>
            h("th", {}, title),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        instances.map((instance) => rowView(instance, now)),
      ),
    ),
  );
}

function rowView({ id, name, status, created, updated, note }, now) {
  const ended = ["Completed", "Failed", "Terminated"].includes(status);
  return h(
    "tr",
    { key: id },
    h("td", {}, statusPill(status)),
    h("td", {}, name),
    h("td", { class: "id" }, instanceLink(id, id, { class: "line" })),
    h("td", { class: "time", title: iso(created) }, clock(created)),
    h("td", { class: "time" }, duration((ended ? updated : now) - created)),
    h("td", { class: `note ${status === "Failed" ? "bad" : ""}`, title: note ?? undefined }, note ?? ""),
  );
}

function pagesView({ instances, next, counts }, query) {
  const newest = new URLSearchParams(query);
  newest.delete("after");
  const older = new URLSearchParams(query);
  older.set("after", next ?? "");
  const all = counts.reduce((sum, entry) => sum + entry.count, 0);
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    query.has("after") && h("a", { href: `#/?${newest}` }, "← newest"),
    next !== null && h("a", { href: `#/?${older}` }, "older →"),
    h("span", { class: "hint" }, `${instances.length} shown of ${count(all, "instance")}`),
  );
}
