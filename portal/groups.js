import { h } from "./dom.js";
import { clock, count, duration, secondsSince } from "./format.js";
import { consistencyOf } from "./machine.js";
import { nameOfMachine } from "./machine-name.js";

const POINTS_SHOWN = 10;
const NAMES_SHOWN = 20;
const STATE_WORDS = {
  good: "good",
  bad: "bad for one of its members",
  incomplete: "not kept by every member any more",
};

/** Machines with common recovery points; nothing where there are no machines. */
export function groupsView({ groups, items }, model, actions) {
  if (groups.length === 0 && items.length === 0) return undefined;
  return h(
    "section",
    { key: "groups", "aria-labelledby": "groups-title" },
    h(
      "div",
      { class: "heading" },
      h("h2", { id: "groups-title" }, "Groups"),
      h("button", { type: "button", onclick: actions.askNewGroup, disabled: model.sending }, "New group…"),
    ),
    groups.length === 0 &&
      h("p", { class: "hint" }, "None yet. The machines of a group have recovery points that agree."),
    groups.map((group) => groupView(group, items, model, actions)),
  );
}

function groupView(group, items, model, actions) {
  const { members, memberCount, missed, latestPoint } = group.properties;
  const names = namesOf(items, members, memberCount);
  const newest = latestPoint
    ? `newest common point ${duration(secondsSince(latestPoint.time))} old`
    : "no common point yet";
  return h(
    "article",
    { class: "card", key: group.id, "aria-labelledby": `group-${group.name}` },
    h("header", null, h("h3", { id: `group-${group.name}` }, group.name)),
    h("p", { class: "hint" }, `${count(memberCount, "member")}${names && ": "}${names}; ${newest}.`),
    missed &&
      h(
        "div",
        { class: "notice bad" },
        h("p", null, `The barrier of ${clock(missed.time)} became no point: ${missed.message}`),
      ),
    pointsView(group.points, items),
    h(
      "div",
      { class: "actions" },
      h(
        "button",
        {
          type: "button",
          onclick: () => actions.askDeleteGroup(group),
          disabled: model.sending || memberCount > 0,
          title: memberCount > 0 && "Its machines must leave it first.",
        },
        "Delete…",
        h("span", { class: "unseen" }, ` ${group.name}`),
      ),
    ),
  );
}

/** The first of them by name. */
function namesOf(items, members, total) {
  const shown = members.slice(0, NAMES_SHOWN).map(({ machine }) => nameIn(items, machine));
  return [...shown, ...(total > shown.length ? [`and ${total - shown.length} more`] : [])].join(", ");
}

function pointsView(points, items) {
  if (points.length === 0) return undefined;
  const row = ({ name, properties }) =>
    h(
      "tr",
      { key: name },
      h("td", null, clock(properties.recoveryPointTime)),
      h("td", null, consistencyOf(properties)),
      h("td", null, namesOf(items, properties.members, properties.memberCount)),
      h("td", null, STATE_WORDS[properties.state] ?? properties.state),
    );
  return h(
    "details",
    null,
    h("summary", null, count(points.length, "common point")),
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Time", "Consistency", "Members", "State"].map((name) =>
            h("th", { scope: "col", key: name }, name),
          ),
        ),
      ),
      h("tbody", null, points.slice(0, POINTS_SHOWN).map(row)),
    ),
    points.length > POINTS_SHOWN && h("p", { class: "hint" }, `The newest ${POINTS_SHOWN} are shown.`),
  );
}

/** A member that is no longer protected has its id alone. */
function nameIn(items, machine) {
  const item = items.find(({ properties }) => properties.leeward?.machine === machine);
  return item ? nameOfMachine(item) : machine;
}
