import { h } from "./dom.js";
import { clock, count, duration, iso, readable, tickOf } from "./format.js";
import { instanceLink, noticeView, statusPill } from "./top.js";

/** Rows drawn at once; a longer history shows its end first. */
const MOST_ROWS = 500;
const LEAST_LABELLED = 94;

export function instanceView(model, now, actions) {
  const { data, failure, route } = model;
  return h(
    "div",
    { key: `instance ${route.id}`, class: failure ? "stale" : "" },
    h("p", { class: "back" }, h("a", { href: model.lastList }, "← all orchestrations")),
    noticeView(failure),
    data?.rows && [
      headView(data, now, actions),
      failureView(data),
      payloads(data),
      pictureView(model, now, actions),
    ],
  );
}

function headView(data, now, actions) {
  const { id, name, status, created, updated, parent, version, live, turns, events, began } = data;
  const facts = [
    ["Id", h("code", {}, id)],
    parent && ["Started by", instanceLink(parent)],
    version && ["Version", version],
    ["Created", h("time", { datetime: iso(created), title: iso(created) }, clock(created))],
    began !== null && began > created && ["This generation began", clock(began)],
    [live ? "Runs for" : "Took", duration((live ? now : updated) - created)],
    [live ? "Last change" : "Ended", clock(updated)],
    ["History", `${count(events, "event")}, ${count(turns.length, "turn")} of the orchestrator`],
  ].filter(Boolean);
  return h(
    "section",
    { class: "head" },
    h("h1", {}, name, " ", statusPill(status)),
    h(
      "dl",
      { class: "facts" },
      facts.map(([term, value]) => h("div", { key: term }, h("dt", {}, term), h("dd", {}, value))),
    ),
    h("button", { type: "button", onclick: () => actions.download(id) }, "Download the history"),
  );
}

const CHANGED = "Non-deterministic orchestrator";

function failureView({ status, output }) {
  if ((status !== "Failed" && status !== "Terminated") || output === null) return undefined;
  const changed = status === "Failed" && output.text.includes(CHANGED);
  return h(
    "section",
    { class: "notice bad failure", role: "alert" },
    h(
      "h2",
      {},
      changed
        ? "The code does not fit the history"
        : status === "Failed"
          ? "Why it failed"
          : "Why it was terminated",
    ),
    changed &&
      h(
        "p",
        {},
        "The orchestrator asks for something else than it did when this history was written: its code was changed under a running instance, or it decides by what is not the same in each replay.",
      ),
    h("pre", { tabindex: "0" }, readable(output)),
  );
}

const payloads = ({ input, output, customStatus, status }) =>
  h(
    "section",
    { class: "payloads" },
    payload("Input", input),
    payload("Custom status", customStatus),
    status === "Completed" && payload("Output", output),
  );

function payload(title, value) {
  if (value === null || value === undefined) return undefined;
  return h(
    "details",
    { key: title, class: "payload" },
    h("summary", { class: "line" }, title, h("span", { class: "hint" }, `${preview(value)}`)),
    h("pre", { tabindex: "0" }, readable(value)),
  );
}

const preview = ({ text, length }) => (length > 80 ? ` ${text.slice(0, 80)}…` : ` ${text}`);

function pictureView(model, now, actions) {
  const { data, scale, earlier } = model;
  const axis = axisOf(data, now, scale);
  const hidden = earlier ? 0 : Math.max(0, data.rows.length - MOST_ROWS);
  return h(
    "section",
    { class: "picture" },
    h(
      "div",
      { class: "title" },
      h("h2", {}, "Timeline"),
      scaleView(scale, actions),
      h(
        "p",
        { class: "legend hint", "aria-hidden": "true" },
        LEGEND.map(([kind, text]) => h("span", {}, h("i", { class: `swatch ${kind}` }), text)),
      ),
    ),
    h(
      "div",
      { class: "card rows", style: `--tick: ${axis.tick}%` },
      axisView(axis),
      turnsView(data.turns, axis),
      hidden > 0 &&
        h(
          "p",
          { class: "hint more" },
          `${count(hidden, "earlier row")} not shown. `,
          h("button", { type: "button", onclick: actions.showEarlier }, "Show all"),
        ),
      data.rows.slice(hidden).map((row, index) => rowView(row, hidden + index, axis, now, model, actions)),
      data.rows.length === 0 && h("p", { class: "hint more" }, "The orchestrator has asked for nothing yet."),
    ),
    h("p", { class: "hint" }, "↑ ↓ to move, Enter to open a row, t to change the scale, Esc for the list."),
  );
}

const LEGEND = [
  ["activity", "activity"],
  ["orchestration", "sub-orchestration"],
  ["entity", "entity"],
  ["timer", "timer"],
  ["event", "event"],
  ["retry", "before a retry"],
  ["failed", "failed"],
];

const scaleView = (scale, actions) =>
  h(
    "div",
    { class: "scale", role: "group", "aria-label": "Scale" },
    [
      ["time", "Time"],
      ["steps", "Steps"],
    ].map(([name, text]) =>
      h(
        "button",
        {
          type: "button",
          class: "toggle",
          "aria-pressed": String(scale === name),
          title: name === "time" ? "As long as it took" : "Each change one step on: long waits hide nothing",
          onclick: () => actions.scale(name),
        },
        text,
      ),
    ),
  );

/** Where instants lie, in per cent of the width. */
function axisOf({ rows, turns, created, updated, began, live }, now, scale) {
  const start = began ?? created;
  const times = [start, live ? now : updated, ...turns];
  for (const { bars } of rows) for (const { from, to } of bars) times.push(from, to ?? from);
  const distinct = [...new Set(times)].filter((time) => time >= start).toSorted((a, b) => a - b);
  return scale === "steps" ? stepAxis(distinct) : timeAxis(distinct[0], distinct.at(-1));
}

function timeAxis(start, end) {
  const total = Math.max(1, end - start);
  const tick = tickOf(total);
  const marks = Array.from({ length: Math.floor(total / tick) + 1 }, (_, index) => index * tick);
  return {
    end,
    tick: (tick / total) * 100,
    at: (time) => ((Math.max(start, time) - start) / total) * 100,
    marks: marks.map((offset) => ({
      at: (offset / total) * 100,
      text: offset === 0 ? clock(start) : `+${duration(offset)}`,
    })),
  };
}

/** Each instant at which something happened is one step from the last, however long that took. */
function stepAxis(times) {
  const order = new Map(times.map((time, index) => [time, index]));
  const last = Math.max(1, times.length - 1);
  const every = Math.max(1, Math.ceil(last / 8));
  const marks = times.filter((_, index) => index % every === 0);
  return {
    end: times.at(-1),
    tick: (every / last) * 100,
    at: (time) => ((order.get(time) ?? (time > times[0] ? last : 0)) / last) * 100,
    marks: marks.map((time, index) => ({
      at: ((index * every) / last) * 100,
      text: index === 0 ? clock(time) : `+${duration(time - times[0])}`,
    })),
  };
}

const axisView = ({ marks }) =>
  h(
    "div",
    { class: "axis", "aria-hidden": "true" },
    h(
      "div",
      { class: "track" },
      marks
        .filter(({ at }) => at <= LEAST_LABELLED)
        .map(({ at, text }, index) => h("span", { key: index, class: "mark", style: `left: ${at}%` }, text)),
    ),
  );

const turnsView = (turns, axis) =>
  h(
    "div",
    { class: "row turns" },
    h("span", { class: "what" }, "orchestrator"),
    h(
      "span",
      { class: "track", "aria-hidden": "true" },
      turns
        .slice(-MOST_ROWS)
        .map((turn, index) => h("i", { key: index, class: "turn", style: `left: ${axis.at(turn)}%` })),
    ),
    h("span", { class: "took" }, count(turns.length, "turn")),
  );

const ICONS = { activity: "▪", orchestration: "▸", timer: "◷", event: "◆", pause: "‖", end: "■", other: "·" };
const STATES = { waiting: "still waited for", done: "done", failed: "failed", abandoned: "never answered" };

function rowView(row, index, axis, now, { open }, actions) {
  const key = row.task ?? `at ${index}`;
  const { kind, name, state, bars } = row;
  const attempts = bars.filter((bar) => bar.kind === "work");
  return h(
    "details",
    { key, class: `entry ${kind} ${state}`, ontoggle: (event) => actions.toggle(key, event.target.open) },
    h(
      "summary",
      { class: "row line" },
      h(
        "span",
        { class: "what" },
        h("span", { class: "icon", "aria-hidden": "true" }, ICONS[kind]),
        h("span", { class: "name", title: name }, name),
        attempts.length > 1 && h("span", { class: "tries" }, `× ${attempts.length}`),
        h("span", { class: "unseen" }, `, ${kind}, ${stateWord(row)}`),
      ),
      h(
        "span",
        { class: "track", "aria-hidden": "true" },
        bars.map((bar, at) => barView(bar, at, axis, now)),
      ),
      h("span", { class: "took" }, tookText(row, now)),
    ),
    open.has(key) && panelView(row, now),
  );
}

const stateWord = ({ kind, state }) =>
  kind === "timer" && state === "abandoned" ? "cancelled" : STATES[state];

function barView({ kind, from, to, state }, at, axis, now) {
  const left = axis.at(from);
  const end = to ?? (state === "waiting" ? Math.max(now, axis.end) : from);
  const width = Math.max(0, axis.at(Math.max(end, from)) - left);
  return h("i", { key: at, class: `span ${kind} ${state}`, style: `left: ${left}%; width: ${width}%` });
}

function tookText({ kind, state, bars }, now) {
  const [first] = bars;
  const last = bars.at(-1);
  if (kind === "event" || kind === "end" || kind === "other") return clock(first.from);
  if (kind === "timer" && state === "waiting" && last.due) return `fires in ${duration(last.due - now)}`;
  if (state === "abandoned") return kind === "timer" ? "cancelled" : "no answer";
  return duration((last.to ?? now) - first.from);
}

function panelView(row, now) {
  const attempts = row.bars.filter((bar) => bar.kind === "work");
  return h(
    "div",
    { class: "panel" },
    h(
      "p",
      { class: "hint" },
      `${row.kind === "orchestration" ? "sub-orchestration" : row.kind}${row.task === null ? "" : ` · task ${row.task}`} · ${stateWord(row)}`,
    ),
    attempts.map((bar, index) => attemptView(bar, index, attempts.length, now)),
  );
}

function attemptView({ from, to, due, instance, input, result, error }, index, all, now) {
  const until =
    to === null
      ? `, for ${duration(now - from)}`
      : to > from
        ? ` – ${clock(to)}, ${duration(to - from)}`
        : "";
  return h(
    "div",
    { key: index, class: "attempt" },
    h(
      "p",
      {},
      all > 1 && h("b", {}, `Attempt ${index + 1}: `),
      h("span", { title: iso(from) }, clock(from)),
      until,
    ),
    due !== undefined && h("p", {}, `Fires at ${clock(due)}`, h("span", { class: "hint" }, ` ${iso(due)}`)),
    instance && h("p", {}, "Instance ", instanceLink(instance)),
    text("Error", error, "bad"),
    text("Input", input, ""),
    text("Result", result, ""),
  );
}

const text = (title, value, kind) =>
  value &&
  h(
    "div",
    { key: title, class: `text ${kind}` },
    h("h3", {}, title),
    h("pre", { tabindex: "0" }, readable(value)),
  );
