import { render } from "./dom.js";
import { entitiesView } from "./entities.js";
import { listView } from "./list.js";
import { instanceView } from "./timeline.js";
import { signInView, topView } from "./top.js";

const KEY = "functions-host-key";
const LIST_MILLIS = 2000;
const LIVE_MILLIS = 1000;
const ENDED_MILLIS = 5000;
const RETRY_MILLIS = 2000;
const TIMEOUT_MILLIS = 10_000;

/** Everything that the page shows. Only this module changes it. */
const model = {
  /** `{ view: "list", query }`, `{ view: "entities", query }` or `{ view: "instance", id }`. */
  route: undefined,
  /** Where the list was left. */
  lastList: "#/",
  /** What the host last said of the route, and when. */
  data: undefined,
  tag: undefined,
  readAt: 0,
  /** Why the last reading failed. */
  failure: undefined,
  needsKey: false,
  /** Rows of the timeline that were opened. */
  open: new Set(),
  /** "time" or "steps". */
  scale: sessionStorage.getItem("scale") ?? "time",
  earlier: false,
  /** Counts navigations, so that form fields show what the address says. */
  visit: 0,
};

const top = document.getElementById("top");
const main = document.getElementById("main");
let wake = () => {};

const actions = {
  signIn(key) {
    sessionStorage.setItem(KEY, key.trim());
    again();
  },
  /** Changes of the filter, made in its form. */
  filter(changes) {
    const query = new URLSearchParams(model.route.query);
    query.delete("after");
    for (const [name, value] of Object.entries(changes))
      if (value === "") query.delete(name);
      else query.set(name, value);
    history.replaceState(null, "", `${pageOf(model.route.view)}?${query}`);
    follow(false);
  },
  toggle(row, isOpen) {
    if (isOpen === model.open.has(row)) return;
    if (isOpen) model.open.add(row);
    else model.open.delete(row);
    show();
  },
  scale(name) {
    model.scale = name;
    sessionStorage.setItem("scale", name);
    show();
  },
  showEarlier() {
    model.earlier = true;
    show();
  },
  /** The whole history, as `test/histories` and other tools take it. */
  async download(id) {
    const response = await ask(`instances/${encodeURIComponent(id)}/history`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${id.replaceAll(/[^\w.-]+/g, "-")}.history.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  },
};

function show() {
  const now = (model.data?.now ?? 0) + (Date.now() - model.readAt);
  render(top, topView(model));
  if (model.needsKey) render(main, signInView(actions));
  else if (model.route.view === "instance") render(main, instanceView(model, now, actions));
  else if (model.route.view === "entities") render(main, entitiesView(model, actions));
  else render(main, listView(model, actions));
  document.title = titleOf(model.route);
}

function titleOf({ view, id }) {
  if (view === "instance") return `${id} · Orchestrations`;
  return view === "entities" ? "Entities" : "Orchestrations";
}

const pageOf = (view) => (view === "entities" ? "#/entities" : "#/");

/** The key may come in the fragment, which no server sees; it is taken out of the address at once. */
function takeKeyFromAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  sessionStorage.setItem(KEY, key);
  history.replaceState(null, "", `${location.pathname}#/`);
}

function routeOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const instance = /^instance\/(.+)$/.exec(path);
  if (instance) return { view: "instance", id: decodeURIComponent(instance[1]) };
  return { view: path === "entities" ? "entities" : "list", query };
}

function follow(isVisit = true) {
  takeKeyFromAddress();
  model.route = routeOf(location.hash);
  if (model.route.view === "list") model.lastList = location.hash || "#/";
  if (isVisit) {
    model.visit++;
    model.data = undefined;
    model.open.clear();
    model.earlier = false;
    window.scrollTo(0, 0);
  }
  again();
}

function again() {
  model.tag = undefined;
  wake();
  show();
}

function ask(path, headers = {}) {
  const key = sessionStorage.getItem(KEY) ?? "";
  return fetch(path, {
    cache: "no-store",
    headers: { ...headers, "x-functions-key": key },
    signal: AbortSignal.timeout(TIMEOUT_MILLIS),
  });
}

function pathOf({ view, query, id }) {
  if (view === "instance") return `instances/${encodeURIComponent(id)}`;
  return `${view === "entities" ? "entities" : "instances"}?${query}`;
}

/** Reads what the route shows. Answers that come too late, for a route that was left, are dropped. */
async function read() {
  const { route } = model;
  const headers = model.tag ? { "if-none-match": model.tag } : {};
  const response = await ask(pathOf(route), headers);
  if (route !== model.route) return;
  model.needsKey = response.status === 401;
  model.failure = undefined;
  if (response.status === 304 || response.status === 401) return;
  const body = await response.json();
  if (route !== model.route) return;
  if (!response.ok) {
    model.failure = { title: body.message, isFinal: response.status === 404 };
    return;
  }
  model.data = body;
  model.readAt = Date.now();
  model.tag = response.headers.get("etag") ?? undefined;
}

async function poll() {
  for (;;) {
    let pause = RETRY_MILLIS;
    try {
      await read();
      pause = pauseNow();
    } catch {
      model.failure = { title: "The host does not answer. This page keeps trying." };
    }
    show();
    const hidden = document.hidden;
    await new Promise((resolve) => {
      wake = resolve;
      if (!hidden) setTimeout(resolve, pause);
    });
  }
}

const pauseNow = () =>
  model.route.view !== "instance" ? LIST_MILLIS : model.data?.live ? LIVE_MILLIS : ENDED_MILLIS;

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = KEYS[event.key];
  if (act && act() !== false) event.preventDefault();
}

const KEYS = {
  ArrowDown: () => step(1),
  j: () => step(1),
  ArrowUp: () => step(-1),
  k: () => step(-1),
  "/": () => document.getElementById("prefix")?.focus() ?? undefined,
  t: () => actions.scale(model.scale === "time" ? "steps" : "time"),
  Escape: () => model.route.view === "instance" && void (location.hash = model.lastList),
};

/** To the next or previous line of the list or the timeline. */
function step(by) {
  const lines = [...main.querySelectorAll(".line")];
  const at = lines.indexOf(document.activeElement?.closest(".line"));
  const next = lines[at < 0 ? (by > 0 ? 0 : lines.length - 1) : at + by];
  if (!next) return false;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

addEventListener("hashchange", () => follow());
addEventListener("visibilitychange", () => wake());
addEventListener("keydown", onKey);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
follow();
void poll();
