import { buildFacts, lostWords } from "./build.js";
import { h } from "./dom.js";
import { clock, count, duration, secondsSince, size } from "./format.js";
import { durationOf, stepsView } from "./jobs.js";
import { actionsView } from "./machine-actions.js";
import { nameOfMachine, regionOf } from "./machine-name.js";
import { drillView, testView } from "./tests.js";
import { pressureView } from "./pressure.js";

/** What each state of an item means to its owner, and how it is coloured. */
const STATES = {
  Enabling: ["busy", "Being enabled"],
  EnableFailed: ["bad", "Enabling failed"],
  InitialReplication: ["busy", "First copy under way"],
  Protected: ["good", "Protected"],
  ShuttingDown: ["busy", "Shutting the source down"],
  FailingOver: ["busy", "Failing over"],
  FailoverFailed: ["bad", "Failover failed"],
  Cancelling: ["busy", "Cancelling the failover"],
  CancelFailed: ["bad", "Cancelling the failover failed"],
  Committing: ["busy", "Committing the failover"],
  CommitFailed: ["bad", "Committing the failover failed"],
  UnplannedFailoverCommitted: ["done", "Failed over and committed"],
  UnplannedFailoverCommitPending: ["done", "Failed over"],
  Reversed: ["done", "Failed over, protected back"],
  Reversing: ["busy", "Old disks become the base"],
  ReversalFailed: ["bad", "Protecting it back failed"],
  Disabling: ["busy", "Being disabled"],
  DisableFailed: ["bad", "Disabling failed"],
};
const POINTS_SHOWN = 20;

export function machineView(item, model, actions) {
  const { leeward = {} } = item.properties;
  const [kind, words] = stateOf(item);
  const titleId = `machine-${item.name}`;
  return h(
    "article",
    { class: "card machine", key: item.id, "aria-labelledby": titleId },
    h(
      "header",
      null,
      h("h2", { id: titleId }, nameOfMachine(item)),
      h("span", { class: `pill ${kind}` }, words),
      h("span", { class: "hint" }, journeyOf(item, model)),
    ),
    problemsView(item, model, actions),
    pressureView(leeward),
    progressView(item),
    leeward.failover
      ? failoverView(leeward.failover, regionOf(item, model))
      : lossesView(item, regionOf(item, model)),
    testView(item),
    drillView(item),
    agentView(leeward),
    verificationView(leeward),
    resyncView(leeward),
    retentionView(leeward),
    pointsView(item),
    actionsView(item, model, actions),
  );
}

/** Nobody is to read "Protected" in green while what is written now would be lost. */
function stateOf({ properties: { leeward = {}, protectionState, replicationHealth } }) {
  const found = STATES[leeward.state] ?? ["busy", leeward.state ?? protectionState];
  if (leeward.state !== "Protected") return found;
  if (leeward.agent?.pressure?.rung === "broken") return ["bad", "Protected up to the break"];
  if (replicationHealth === "Critical") return ["bad", "Protected, with errors"];
  return replicationHealth === "Warning" ? ["busy", "Protected, with warnings"] : found;
}

function journeyOf(item, model) {
  const from = item.properties.providerSpecificDetails?.primaryFabricLocation;
  return [from, "→", regionOf(item, model)].filter(Boolean).join(" ");
}

/** What is wrong with it, in the words of whoever noticed. What has happened, and is over, can be dismissed. */
function problemsView(item, model, actions) {
  return item.properties.healthErrors.map((error) =>
    h(
      "div",
      { class: "notice bad", key: `${error.errorCode} ${error.errorMessage}` },
      h("p", null, h("strong", null, error.errorCode), ` ${error.errorMessage}`),
      error.recommendedAction && h("p", null, error.recommendedAction),
      error.customerResolvability === "Allowed" &&
        h(
          "button",
          {
            class: "quiet",
            type: "button",
            onclick: () => actions.dismissError({ id: item.id, name: nameOfMachine(item) }, error),
            disabled: model.sending,
          },
          "Dismiss",
          h("span", { class: "unseen" }, ` ${error.errorCode} of ${nameOfMachine(item)}`),
        ),
    ),
  );
}

/** Bytes where they are known, otherwise how much of the job is done. */
function progressView({ name, properties }) {
  const { progress } = properties.leeward ?? {};
  if (!progress) return undefined;
  const { phase, done, total, rate, etaSeconds, percentComplete } = progress;
  const inBytes = total > 0;
  const [value, max] = inBytes ? [done, total] : [percentComplete ?? 0, 100];
  const facts = inBytes && [
    `${size(done)} of ${size(total)}`,
    rate > 0 && `${size(rate)}/s`,
    etaSeconds > 0 && `about ${duration(Math.max(10, etaSeconds))} left`,
  ];
  const label = phase.replaceAll("-", " ");
  return h(
    "div",
    { class: "progress", key: "progress" },
    h(
      "div",
      { class: "spread" },
      h("span", { class: "phase" }, label),
      h("span", null, `${Math.floor((100 * value) / max)} %`),
    ),
    h("progress", { max, value, "aria-label": `${label} of ${name}` }),
    facts && h("div", { class: "hint" }, facts.filter(Boolean).join(" · ")),
  );
}

function lossesView({ points, properties }, region) {
  const { state, losses, policy } = properties.leeward ?? {};
  if (state !== "Protected" && state !== "InitialReplication") return undefined;
  const images = byImages(policy);
  // Before the first point there is nothing to fail over to, however much has arrived.
  const unknown =
    points.length > 0
      ? ["unknown", "the agent has not said yet"]
      : ["everything", "there is no recovery point yet"];
  const counted = points.length > 0 ? losses : undefined;
  return h(
    "div",
    { class: "losses", key: "losses" },
    lossView(
      "VM loss",
      counted?.vm,
      unknown,
      images,
      "If only this machine died now: the writes that the cache in its region does not hold yet.",
    ),
    lossView(
      "Region loss",
      counted?.region,
      unknown,
      images,
      `If its whole region were lost now: the writes that have not arrived in ${region} yet.`,
    ),
  );
}

function lossView(name, loss, [figure, why], images, sentence) {
  const facts = images ? "since the newest image: nobody counts the writes" : loss && writesOf(loss);
  return h(
    "section",
    { class: "loss", key: name },
    h("h3", null, name),
    h("p", { class: "figure" }, loss ? duration(loss.seconds) : figure),
    h("p", { class: "facts" }, loss ? facts : why),
    h("p", { class: "hint" }, sentence),
  );
}

const writesOf = ({ writes, bytes }) => `${count(writes, "write")}, ${size(bytes)}`;

/** Captured by snapshots, and not by an agent. */
const byImages = (policy) => policy?.capture === "snapshots";

/** How old the figures are: they are the source's own. Whether its silence is a problem, the app says. */
function agentView({ agent, state, policy }) {
  if (!agent?.lastHeartbeat || (state !== "Protected" && state !== "InitialReplication")) return undefined;
  if (byImages(policy))
    return h(
      "p",
      { class: "hint", key: "agent" },
      `Without an agent: ${agent.mode}, an image of its disks every ${duration(policy.imageInterval / 1000)}. Nothing between two images can be reached.`,
    );
  const heard = `heard ${duration(secondsSince(agent.lastHeartbeat))} ago`;
  const waiting =
    agent.backlog.bytes > 0 ? `${size(agent.backlog.bytes)} waiting for the cache` : "nothing waiting";
  return h(
    "p",
    { class: "hint", key: "agent" },
    `Agent ${agent.version}: ${agent.mode}, ${heard}, ${waiting}.`,
  );
}

/** How far the copy is proved to be what the source had, and how lately all of it was. */
function verificationView({ verification, state }) {
  if (!verification || (state !== "Protected" && state !== "InitialReplication")) return undefined;
  const { verifiedTime, coverage, replica } = verification;
  const newest = verifiedTime ? `verified up to ${clock(verifiedTime)}` : "no point verified yet";
  const whole = coverage.wholeTime
    ? `every block read ${duration(secondsSince(coverage.wholeTime))} ago`
    : "not every block read yet";
  const round = `${Math.floor(100 * coverage.fraction)} % of this round`;
  const warm = replica.verifiedTime && `replica verified at ${clock(replica.verifiedTime)}`;
  return h(
    "p",
    { class: "hint", key: "verification" },
    `Proof: ${[newest, whole, round, warm].filter(Boolean).join(", ")}.`,
  );
}

const HOUR = 3_600_000;

/** Steps of a ladder are mostly whole hours. */
function intervalOf(millis) {
  if (millis % HOUR !== 0) return duration(millis / 1000);
  return millis === HOUR ? "hour" : `${millis / HOUR} hours`;
}

const REASONS = {
  continuity: "the journal had a gap",
  crash: "the machine crashed",
  verification: "a point was found bad",
  resize: "a disk has grown",
  operator: "somebody asked for it",
  schedule: "it was due",
  reversal: "the direction was turned around",
  cancel: "a failover was cancelled",
};

/** A comparison that is under way; the bytes of its progress are shown above. */
function resyncView({ resync }) {
  if (!resync || resync.state === "ended") return undefined;
  const why = REASONS[resync.reason] ?? resync.reason;
  const sent = resync.sent === null ? undefined : `${size(resync.sent)} differed so far`;
  const waiting = resync.waiting > 0 ? `${size(resync.waiting)} of it on the way` : undefined;
  return h(
    "p",
    { class: "hint", key: "resync" },
    `Resync: ${[resync.state, why, sent, waiting].filter(Boolean).join(", ")}.`,
  );
}

/** What is kept, how densely, and what that takes in storage. */
function retentionView({ retention, state }) {
  if (!retention || (state !== "Protected" && state !== "InitialReplication")) return undefined;
  const { points, segments, layers, building, merge, compression } = retention;
  const kept = points.map(({ every, points: many }) =>
    every === 0 ? `${many} recent` : `${many} of every ${intervalOf(every)}`,
  );
  const stored = segments && `${count(segments.objects, "segment object")} (${size(segments.bytes)})`;
  const layered = layers && `${count(layers.layers, "layer")} (${size(layers.bytes)})`;
  const large =
    building &&
    `a large layer is being built (${building.stage}, ${size(building.done)} of ${size(building.total)})`;
  const ratios = [
    merge > 0 && `merged ${merge.toFixed(1)} to 1`,
    compression > 0 && `compressed ${compression.toFixed(1)} to 1`,
  ];
  return h(
    "p",
    { class: "hint", key: "retention" },
    `Kept: ${[kept.join(" and ") || "no point yet", layered, stored, large, ...ratios].filter(Boolean).join(", ")}.`,
  );
}

function failoverView(failover, region) {
  const { announced, rtoSeconds, pointTime, write, road, passedOver = [], steps = [] } = failover;
  const roads = { import: "imported from the warm replica", upload: "built from the journal alone" };
  const lost = announced
    ? `${duration(announced.seconds)}: ${count(announced.writes, "write")} (${size(announced.bytes)}) that the source is known to have made after it`
    : "being counted";
  const facts = [
    write
      ? [
          "Write",
          `${write.sequence.toLocaleString("en")} of generation ${write.generation}, ${clock(pointTime)}`,
        ]
      : ["Point", clock(pointTime)],
    ...(passedOver.length > 0
      ? [["Passed over", `${count(passedOver.length, "newer point")} that cannot be read`]]
      : []),
    ["Lost", lost],
    ["Old side", lostWords(failover.lost)],
    ["Disks", roads[road] ?? road],
    ...buildFacts(failover.build),
    ["Time to recover", rtoSeconds ? `${duration(rtoSeconds)}, up in ${region}` : "still at work"],
  ];
  return h(
    "section",
    { class: "failover", key: "failover" },
    h("h3", null, "Failover"),
    h(
      "dl",
      null,
      facts.flatMap(([term, fact]) => [
        h("dt", { key: `t${term}` }, term),
        h("dd", { key: `d${term}` }, fact ?? ""),
      ]),
    ),
    stepsView(steps.map((step) => ({ ...step, took: durationOf(step) }))),
  );
}

function pointsView(item) {
  const [newest] = item.points;
  const summary = newest
    ? `${count(item.points.length, "recovery point")}, the newest ${duration(secondsSince(newest.properties.recoveryPointTime))} old`
    : "No recovery point yet";
  if (!newest) return h("p", { class: "hint", key: "points" }, summary);
  return h(
    "details",
    { key: "points" },
    h("summary", null, summary),
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Time", "Consistency", "VM loss", "Region loss"].map((name) =>
            h("th", { scope: "col", key: name }, name),
          ),
        ),
      ),
      h("tbody", null, item.points.slice(0, POINTS_SHOWN).map(pointRow)),
    ),
    item.points.length > POINTS_SHOWN && h("p", { class: "hint" }, `The newest ${POINTS_SHOWN} are shown.`),
  );
}

function pointRow({ id, name, properties }) {
  const { losses, verified, unmet, spread } = properties.leeward ?? {};
  const loss = (one) => (one ? duration(one.seconds) : "–");
  return h(
    "tr",
    { key: id ?? name },
    h("td", null, h("time", { datetime: properties.recoveryPointTime }, clock(properties.recoveryPointTime))),
    h(
      "td",
      null,
      consistencyOf(properties),
      h("div", { class: "hint" }, verifiedWord(verified)),
      unmet && h("div", { class: "hint" }, unmet),
      spread && h("div", { class: "hint" }, `disks one by one, within ${duration(spread / 1000)}`),
    ),
    h("td", null, loss(losses?.vm)),
    h("td", null, loss(losses?.region)),
  );
}

/** Whether the point is known to be what the source had, as the list of points and the choice of one say it. */
export const verifiedWord = (verified) => {
  if (verified === true) return "verified";
  return verified === "bad" || verified === "suspect" ? verified : "not verified";
};

export const consistencyOf = ({ recoveryPointType }) =>
  /app/i.test(recoveryPointType ?? "") ? "application" : "crash";
