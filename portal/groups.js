import { h } from "./dom.js";
import { clock, count, duration, secondsSince } from "./format.js";
import { consistencyOf, nameOfMachine } from "./machine.js";

const POINTS_SHOWN = 10;
const STATE_WORDS = {
  good: "good",
  bad: "bad for one of its members",
  incomplete: "not kept by every member any more",
};

/** Machines with common recovery points; nothing where there are none. */
export function groupsView({ groups, items }) {
  if (groups.length === 0) return undefined;
  return h(
    "section",
    { key: "groups", "aria-labelledby": "groups-title" },
    h("h2", { id: "groups-title" }, "Groups"),
    groups.map((group) => groupView(group, items)),
  );
}

function groupView(group, items) {
  const { members, missed, latestPoint } = group.properties;
  const names = members.map(({ machine }) => nameIn(items, machine)).join(", ");
  const newest = latestPoint
    ? `newest common point ${duration(secondsSince(latestPoint.time))} old`
    : "no common point yet";
  return h(
    "article",
    { class: "card", key: group.id, "aria-labelledby": `group-${group.name}` },
    h("header", null, h("h3", { id: `group-${group.name}` }, group.name)),
    h("p", { class: "hint" }, `${count(members.length, "member")}: ${names || "none"}; ${newest}.`),
    missed &&
      h(
        "div",
        { class: "notice bad" },
        h("p", null, `The barrier of ${clock(missed.time)} became no point: ${missed.message}`),
      ),
    pointsView(group.points, items),
  );
}

function pointsView(points, items) {
  if (points.length === 0) return undefined;
  const row = ({ name, properties }) =>
    h(
      "tr",
      { key: name },
      h("td", null, clock(properties.recoveryPointTime)),
      h("td", null, consistencyOf(properties)),
      h("td", null, properties.members.map(({ machine }) => nameIn(items, machine)).join(", ")),
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
