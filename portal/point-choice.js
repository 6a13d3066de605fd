import { h } from "./dom.js";
import { clock, count, duration, secondsSince, size } from "./format.js";
import { consistencyOf, verifiedWord } from "./machine.js";
import { nameOfMachine } from "./machine-name.js";

const POINTS_OFFERED = 50;
/** In place of a point's id. */
const LATEST = "Latest";
export const LATEST_PROCESSED = "LatestProcessed";
const LATEST_VERIFIED = "LatestVerified";
const LATEST_APPLICATION = "LatestApplicationConsistent";
/** Choices that the app makes. */
export const KINDS = [LATEST, LATEST_PROCESSED, LATEST_VERIFIED, LATEST_APPLICATION];
export const INSTANT = "Instant";
/** ISO 8601 with a zone, to the microsecond. */
const INSTANT_PATTERN = "\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?(Z|[+\\-]\\d{2}:\\d{2})";

/**
 * What can be failed over to, or tested.
 * @param before the words for what an earlier try chose, which nothing else takes the place of
 * @param running the point that the machine runs from: another one is wanted, and none by itself
 */
export const pointOptions = ({ points }, { before, running } = {}) => [
  firstOptions(before, running),
  h("option", { key: "latest", value: LATEST }, "No point: the newest write that has arrived"),
  h("option", { key: "instant", value: INSTANT }, "No point: any instant"),
  h("option", { key: "verified", value: LATEST_VERIFIED }, "The newest that was verified"),
  h("option", { key: "application", value: LATEST_APPLICATION }, "The newest application-consistent one"),
  points
    .slice(0, POINTS_OFFERED)
    .map((point) =>
      h(
        "option",
        { key: point.name, value: point.name, disabled: isBad(point) || point.name === running },
        `${pointWords(point.properties)}${point.name === running ? ", as it runs" : ""}`,
      ),
    ),
];

function firstOptions(before, running) {
  if (running) return h("option", { key: "none", value: "" }, "Choose one");
  if (!before) return h("option", { key: "newest", value: "" }, "The newest when it starts");
  return [
    h("option", { key: "before", value: "" }, before),
    h("option", { key: "newest", value: LATEST_PROCESSED }, "The newest that there is now"),
  ];
}

export function chosenOf(points, wanted) {
  const good = points.filter((point) => !isBad(point));
  if (wanted === LATEST_VERIFIED)
    return points.find(({ properties }) => properties.leeward?.verified === true);
  if (wanted === LATEST_APPLICATION)
    return good.find(({ properties }) => consistencyOf(properties) === "application");
  return points.find(({ name }) => name === wanted) ?? good[0];
}

/** Known to be bad, or likely to be: the app refuses it. */
const isBad = ({ properties }) => ["bad", "suspect"].includes(properties.leeward?.verified);

const pointWords = (properties) =>
  `${clock(properties.recoveryPointTime)}, ${consistencyOf(properties)}-consistent, ${verifiedWord(properties.leeward?.verified)}`;

/** Between points a machine comes up as after a power cut. */
export const instantField = (points) =>
  h(
    "div",
    { key: "instant" },
    h("label", { for: "at" }, "Every write up to this instant of the source's clock, and none after it"),
    h("input", {
      id: "at",
      name: "at",
      initial: points[0]?.properties.recoveryPointTime ?? "",
      required: true,
      pattern: INSTANT_PATTERN,
      autocomplete: "off",
      spellcheck: "false",
    }),
  );

export function lostBy(item, wanted, point, region) {
  if (wanted === INSTANT) return `everything that ${nameOfMachine(item)} wrote after that instant.`;
  if (wanted !== LATEST) return lostWith(item, point, region);
  const { losses } = item.properties.leeward ?? {};
  if (!losses) return `everything that has not arrived in ${region} when the failover starts.`;
  const { seconds, writes, bytes } = losses.region;
  return `what has not arrived in ${region} when the failover starts: now ${duration(seconds)}, ${count(writes, "write")} (${size(bytes)}).`;
}

/** Of a machine that was failed over: what an older state than its own lacks. */
export function lostSince(wanted, point) {
  if (wanted === INSTANT) return "everything after that instant.";
  if (wanted === LATEST) return "only what has never arrived.";
  if (!point) return "there is no such recovery point.";
  const { recoveryPointTime: time } = point.properties;
  return `everything after ${clock(time)}, ${duration(secondsSince(time))} ago.`;
}

function lostWith(item, point, region) {
  if (!point) return "there is no recovery point to fail over to.";
  const since = `everything that ${nameOfMachine(item)} wrote after ${clock(point.properties.recoveryPointTime)}, ${duration(secondsSince(point.properties.recoveryPointTime))} ago`;
  const { agent, losses, watermarks } = item.properties.leeward ?? {};
  const { generation, sequence } = point.properties.leeward ?? {};
  const captured = watermarks?.captured;
  // Sequences compare within one generation only.
  if (!losses || !captured || captured.generation !== generation || captured.sequence < sequence)
    return `${since}.`;
  const { writes, bytes } = losses.region;
  const away = `${count(writes, "write")} (${size(bytes)}) of them not yet in ${region}`;
  const unrecorded = agent?.pressure?.unrecorded?.writes ?? 0;
  return `${since}: ${count(captured.sequence - sequence + unrecorded, "write")} so far, ${away}.`;
}
