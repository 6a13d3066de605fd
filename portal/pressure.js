import { h } from "./dom.js";
import { clock, count, size } from "./format.js";

/** The agent's ladder (docs/replication.md, "Back-pressure"): what each rung means to the machine's owner. */
const RUNGS = [
  ["normal", "As usual"],
  ["slow", "Larger segments"],
  ["merging", "Writes merged"],
  ["broken", "Journal broken"],
];

/** Where a machine is on the ladder, what that costs and how it ends; nothing while all is as usual. */
export function pressureView({ agent, resync, state }) {
  const { pressure } = agent ?? {};
  if (!pressure || pressure.rung === "normal" || state !== "Protected") return undefined;
  const { rung, sinceTime } = pressure;
  const here = RUNGS.findIndex(([name]) => name === rung);
  return h(
    "section",
    { class: "ladder", key: "pressure", "aria-label": "Way to the cache" },
    h("h3", null, `The cache account takes too little, since ${clock(sinceTime)}`),
    h(
      "ol",
      null,
      RUNGS.map(([name, words], at) =>
        h(
          "li",
          {
            key: name,
            class: at === here ? `here ${rung === "broken" ? "bad" : "busy"}` : "",
            "aria-current": at === here ? "step" : undefined,
          },
          words,
        ),
      ),
    ),
    sentencesOf(pressure, resync).map((sentence) => h("p", { class: "hint", key: sentence }, sentence)),
  );
}

const GUEST = "The machine itself does not notice: its writes never wait for the network.";

function sentencesOf({ rung, unrecorded }, resync) {
  if (rung === "slow")
    return [
      "Fewer and larger segments are sent, so both losses may be some seconds longer. Points are made as before, and nothing of the journal is lost.",
      GUEST,
    ];
  const changed = unrecorded && `${size(unrecorded.bytes)} in ${count(unrecorded.writes, "write")}`;
  if (rung === "merging")
    return [
      `${changed ? `${changed} are not in the journal yet` : "Nothing has changed yet"}: of each place only the newest content will be, once there is room. Until then no new point is made.`,
      GUEST,
    ];
  return [
    `All points up to the break can be failed over to. ${changed ? `${changed} since then are in no journal, and would be lost.` : "Nothing was written since then."}`,
    resync && resync.state !== "ended"
      ? "A comparison with the newest point is being prepared."
      : "When the cache takes data again, what waits goes there first; a comparison with the newest point then begins by itself, and points follow.",
    GUEST,
  ];
}
