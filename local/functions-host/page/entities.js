import { h } from "./dom.js";
import { clock, iso, readable } from "./format.js";
import { noticeView } from "./top.js";

/** Entities and what they hold. */
export function entitiesView(model, actions) {
  const query = new URLSearchParams(model.route.query);
  return h(
    "div",
    { key: "entities", class: model.failure ? "stale" : "" },
    h("h1", { class: "unseen" }, "Entities"),
    noticeView(model.failure),
    model.data?.entities && namesView(model.data.names, query, actions),
    model.data?.entities && tableView(model.data),
    model.data?.entities && pagesView(model.data, query),
    h("p", { class: "hint" }, "↑ ↓ to move, Enter to see a whole state. The list is live."),
  );
}

function namesView(names, query, actions) {
  const chosen = query.get("name");
  return h(
    "div",
    { class: "filter statuses", role: "group", "aria-label": "Name" },
    names.map(({ name, count: number }) =>
      h(
        "button",
        {
          key: name,
          type: "button",
          class: "toggle",
          "aria-pressed": String(name === chosen),
          onclick: () => actions.filter({ name: name === chosen ? "" : name }),
        },
        name,
        h("span", { class: "number" }, number.toLocaleString("en")),
      ),
    ),
  );
}

function tableView({ entities, names }) {
  const none = names.length === 0 ? "No entity holds anything." : "There is no such entity.";
  if (entities.length === 0) return h("p", { class: "card empty" }, none);
  return h(
    "div",
    { class: "card scroll" },
    h(
      "table",
      { class: "list" },
      h("caption", { class: "unseen" }, "Entities by name and key"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Entity", "Key", "Changed", "State"].map((title) => h("th", {}, title)),
        ),
      ),
      h("tbody", {}, entities.map(rowView)),
    ),
  );
}

function rowView({ name, key, state, updated }) {
  return h(
    "tr",
    { key: `@${name}@${key}` },
    h("td", {}, name),
    h("td", { class: "id" }, key),
    h("td", { class: "time", title: iso(updated) }, clock(updated)),
    h("td", { class: "note" }, stateView(state)),
  );
}

/** A short state as it is, a longer one to unfold. */
function stateView(state) {
  if (state === null) return "none";
  if (state.length <= SHORT) return h("code", { class: "line", tabindex: "0" }, state.text);
  return h(
    "details",
    { class: "state" },
    h("summary", { class: "line" }, h("code", {}, state.text.slice(0, SHORT))),
    h("pre", {}, readable(state)),
  );
}

/** Characters. */
const SHORT = 120;

function pagesView({ entities, names, next }, query) {
  const first = new URLSearchParams(query);
  first.delete("after");
  const further = new URLSearchParams(query);
  further.set("after", next ?? "");
  const all = names.reduce((sum, name) => sum + name.count, 0);
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    query.has("after") && h("a", { href: `#/entities?${first}` }, "← first"),
    next !== null && h("a", { href: `#/entities?${further}` }, "further →"),
    h("span", { class: "hint" }, `${entities.length} shown of ${all.toLocaleString("en")}`),
  );
}
