import { h } from "./dom.js";
import { clock } from "./format.js";

export const topView = ({ failure, readAt, needsKey, lastList, route }) =>
  h(
    "div",
    { class: "bar" },
    h(
      "nav",
      { class: "parts", "aria-label": "Parts" },
      h(
        "a",
        { class: "brand", href: lastList, "aria-current": currentIf(route.view === "list") },
        "Orchestrations",
      ),
      h(
        "a",
        { class: "brand", href: "#/entities", "aria-current": currentIf(route.view === "entities") },
        "Entities",
      ),
    ),
    h("span", { class: "where" }, location.host),
    needsKey ? undefined : h("span", { class: "fresh" }, freshness(failure, readAt)),
  );

const currentIf = (isCurrent) => (isCurrent ? "page" : undefined);

function freshness(failure, readAt) {
  if (failure && !failure.isFinal && readAt > 0) return `stale since ${clock(readAt)}`;
  return readAt > 0 ? "live" : "";
}

export const signInView = (actions) =>
  h(
    "form",
    {
      class: "card sign-in",
      onsubmit: (event) => {
        event.preventDefault();
        actions.signIn(event.target.elements.key.value);
      },
    },
    h("h1", {}, "A key is needed"),
    h(
      "p",
      {},
      "Inputs and outputs of orchestrations are shown here. Take ",
      h("code", {}, "durable"),
      " or ",
      h("code", {}, "master"),
      " from ",
      h("code", {}, "keys.json"),
      " in the host's data folder, or open the link that the box prints.",
    ),
    h("label", { for: "key" }, "Key"),
    h("input", { id: "key", name: "key", type: "password", autocomplete: "off", required: true }),
    h("button", {}, "Show the orchestrations"),
  );

export const noticeView = (failure) =>
  failure && h("p", { class: "notice bad", role: "alert" }, failure.title);

const MARKS = {
  Pending: "○",
  Running: "●",
  Suspended: "‖",
  Completed: "✓",
  Failed: "✗",
  Terminated: "■",
};

export const statusPill = (status) =>
  h(
    "span",
    { class: `pill ${status.toLowerCase()}` },
    h("span", { "aria-hidden": "true" }, `${MARKS[status] ?? "·"} `),
    status,
  );

export const instanceLink = (id, text = id, props = {}) =>
  h("a", { href: `#/instance/${encodeURIComponent(id)}`, ...props }, text);
