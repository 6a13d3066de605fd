import { h } from "./dom.js";
import { clock, count, duration, secondsSince, size } from "./format.js";
import { isRefused, verdictView } from "./verdict.js";
import { planView } from "./plan.js";
import { consistencyOf, nameOfMachine, verifiedWord } from "./machine.js";

const POINTS_OFFERED = 50;
/** In place of a point's id. */
const LATEST = "Latest";
const LATEST_VERIFIED = "LatestVerified";
const LATEST_APPLICATION = "LatestApplicationConsistent";
/** Choices that the app makes. */
export const KINDS = [LATEST, LATEST_VERIFIED, LATEST_APPLICATION];
export const INSTANT = "Instant";
/** ISO 8601 with a zone, to the microsecond. */
const INSTANT_PATTERN = "\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?(Z|[+\\-]\\d{2}:\\d{2})";

/** Asks where a machine shall come up. */
export function enableDialog(model, actions) {
  const { machine, verdict, plan } = model.dialog;
  const { region } = model.config;
  const wishIn = (element) => {
    const form = new FormData(element);
    const replica = form.get("warm") ? "warm" : "none";
    return { name: machine.name, group: form.get("group"), replica };
  };
  const submit = (event) => {
    event.preventDefault();
    void actions.enable(machine, wishIn(event.target));
  };
  const show = (event) => {
    const { form } = event.target;
    if (form.reportValidity()) void actions.plan(machine, wishIn(form));
  };
  return h(
    "form",
    { key: `enable ${machine.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Protect ${machine.name}`),
    h(
      "p",
      null,
      `Its disks are copied from ${machine.region} to ${region} while it runs, then every write follows.`,
    ),
    verdictView(verdict),
    h("label", { for: "group" }, `Resource group in ${region}, made if it is missing`),
    h("input", {
      id: "group",
      name: "group",
      initial: `${groupOf(machine.id)}-${region}`,
      required: true,
      maxlength: 90,
      pattern: "[A-Za-z0-9_\\(\\)\\-.]*[A-Za-z0-9_\\(\\)\\-]",
      autocomplete: "off",
      spellcheck: "false",
    }),
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name: "warm", initial: true }),
      h(
        "span",
        null,
        "Keep replica disks warm. ",
        h(
          "span",
          { class: "hint" },
          "A failover is faster; without, the disks are built from the journal alone.",
        ),
      ),
    ),
    h("button", { type: "button", onclick: show }, "Show what will be made"),
    planView(plan),
    dialogButtons(model, actions, "primary", "Enable protection", isRefused(verdict)),
  );
}

/** Says what will be lost before it is lost. */
export function failoverDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const points = item.points.slice(0, POINTS_OFFERED);
  const wanted = model.dialog.point;
  const chosen = chosenOf(points, wanted);
  const choose = (event) => {
    model.dialog.point = event.target.value;
    actions.chosen();
  };
  const submit = (event) => {
    event.preventDefault();
    void actions.failover({ id: item.id, name }, wanted, new FormData(event.target).get("at"));
  };
  return h(
    "form",
    { key: `failover ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Fail over ${name}?`),
    h(
      "p",
      null,
      `A new machine is built in ${model.config.region} from what has arrived there. `,
      "Replication from the source stops for good: nothing that it writes from now on is kept.",
    ),
    h("label", { for: "point" }, "Recovery point"),
    h("select", { id: "point", onchange: choose }, pointOptions(item)),
    wanted === INSTANT && instantField(points),
    h(
      "div",
      { class: "notice bad", id: "will-be-lost" },
      h(
        "p",
        null,
        h("strong", null, "What will be lost: "),
        lostBy(item, wanted, chosen, model.config.region),
      ),
    ),
    dialogButtons(model, actions, "danger", `Fail over ${name} now`, !chosen),
  );
}

/** What can be failed over to, or tested. */
export const pointOptions = ({ points }) => [
  h("option", { key: "newest", value: "" }, "The newest when the failover starts"),
  h("option", { key: "latest", value: LATEST }, "No point: the newest write that has arrived"),
  h("option", { key: "instant", value: INSTANT }, "No point: any instant"),
  h("option", { key: "verified", value: LATEST_VERIFIED }, "The newest that was verified"),
  h("option", { key: "application", value: LATEST_APPLICATION }, "The newest application-consistent one"),
  points
    .slice(0, POINTS_OFFERED)
    .map((point) =>
      h(
        "option",
        { key: point.name, value: point.name, disabled: isBad(point) },
        pointWords(point.properties),
      ),
    ),
];

/** Says what it costs before it is begun. */
export function resyncDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const submit = (event) => {
    event.preventDefault();
    void actions.resync({ id: item.id, name });
  };
  return h(
    "form",
    { key: `resync ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Resync ${name}?`),
    h(
      "p",
      null,
      `All disks of ${name} are read and compared with what ${model.config.region} holds; only blocks that differ are sent. `,
      "All points stay. Until it is over no new one is made, so a failover meanwhile goes back to the newest that there is.",
    ),
    dialogButtons(model, actions, "primary", `Resync ${name} now`),
  );
}

function chosenOf(points, wanted) {
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

function lostBy(item, wanted, point, region) {
  if (wanted === INSTANT) return `everything that ${nameOfMachine(item)} wrote after that instant.`;
  if (wanted !== LATEST) return lostWith(item, point, region);
  const { losses } = item.properties.leeward ?? {};
  if (!losses) return `everything that has not arrived in ${region} when the failover starts.`;
  const { seconds, writes, bytes } = losses.region;
  return `what has not arrived in ${region} when the failover starts: now ${duration(seconds)}, ${count(writes, "write")} (${size(bytes)}).`;
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

/** Cancel, and what the form is for. */
export function dialogButtons(model, actions, kind, words, disabled = false) {
  return h(
    "div",
    { class: "actions" },
    h("button", { type: "button", onclick: actions.close }, "Cancel"),
    h(
      "button",
      { type: "submit", class: kind, disabled: disabled || model.sending },
      model.sending ? "Sending…" : words,
    ),
  );
}

const groupOf = (id) => /\/resourceGroups\/([^/]+)/i.exec(id)?.[1] ?? "recovered";
