import { buildFacts } from "./build.js";
import { h } from "./dom.js";
import { clock, duration } from "./format.js";
import { durationOf, stepsView } from "./jobs.js";

/** What a test failover is doing, and what it came to; or what the last one did. */
export function testView({ name, properties }) {
  const { test, formerTest, drill } = properties.leeward ?? {};
  // What is said of the last drill is not said twice.
  if (!test && formerTest?.operation === drill?.last?.operation) return undefined;
  if (!test) return formerTest && formerView(formerTest);
  const { progress, failure } = test;
  return h(
    "section",
    { class: "failover", key: "test" },
    h("h3", null, `${test.drill ? "Drill" : "Test failover"}: ${WORDS[test.state] ?? test.state}`),
    failure &&
      h("div", { class: "notice bad" }, h("p", null, h("strong", null, failure.code), ` ${failure.message}`)),
    progress &&
      h(
        "div",
        { class: "progress" },
        h("div", { class: "spread" }, h("span", { class: "phase" }, progress.phase)),
        h("progress", { max: 100, value: progress.percentComplete, "aria-label": `test of ${name}` }),
      ),
    h(
      "dl",
      null,
      factsOf(test).flatMap(([term, fact]) => [
        h("dt", { key: `t${term}` }, term),
        h("dd", { key: `d${term}` }, fact),
      ]),
    ),
    progress && stepsView(progress.steps.map((step) => ({ ...step, took: durationOf(step) }))),
  );
}

const WORDS = {
  making: "under way",
  ready: "it runs",
  failed: "failed",
  cleaning: "being cleaned up",
  cleanupFailed: "its clean-up failed",
};

const NETWORKS = {
  isolated: "isolated: made for the test, nothing gets in or out",
  sealed: "none: nothing reaches the machine",
  named: "your own",
};

const ROADS = { import: "imported from the warm replica", upload: "built from the journal alone" };

function factsOf({ pointTime, write, road, network, networkId, vmId, rtoSeconds, build }) {
  const from = write
    ? `write ${write.sequence.toLocaleString("en")} of ${clock(pointTime)}`
    : pointTime && clock(pointTime);
  return [
    ["Built from", from ?? "being chosen"],
    ["Disks", ROADS[road] ?? "to be built"],
    ["Machine", lastOf(vmId)],
    ["Network", `${lastOf(networkId)} (${NETWORKS[network] ?? network})`],
    ...buildFacts(build),
    ["Time to recover", rtoSeconds === null ? "not measured" : duration(rtoSeconds)],
  ];
}

const formerView = ({ pointTime, rtoSeconds, cleanedTime, comments }) =>
  h(
    "p",
    { class: "hint", key: "test" },
    `Last test failover: recovered in ${duration(rtoSeconds)} from the point of ${clock(pointTime)}, cleaned up at ${clock(cleanedTime)}${comments ? `: ${comments}` : "."}`,
  );

/** The verdict of the last drill, and when the next one is due. */
export function drillView({ properties }) {
  const { last, nextTime } = properties.leeward?.drill ?? {};
  if (!last && !nextTime) return undefined;
  const words = [last && verdictWords(last), nextTime && `The next drill is due at ${clock(nextTime)}.`];
  return h("p", { class: "hint", key: "drill" }, words.filter(Boolean).join(" "));
}

const verdictWords = ({ state, startTime, rtoSeconds, failure }) =>
  state === "Succeeded"
    ? `The drill of ${clock(startTime)} succeeded: recovered in ${duration(rtoSeconds)}.`
    : `The drill of ${clock(startTime)} failed (${failure?.step ?? "at an unknown step"}).`;

const lastOf = (id) => id.slice(id.lastIndexOf("/") + 1);
