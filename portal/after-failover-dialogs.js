import { lostWords } from "./build.js";
import { choosing, dialogButtons, ofItem, submitting } from "./dialogs.js";
import { h } from "./dom.js";
import { clock, count, duration, secondsSince, size } from "./format.js";
import { lossView } from "./failover-dialogs.js";
import { regionOf, sourceRegionOf } from "./machine-name.js";
import { INSTANT, chosenOf, instantField, lostSince, pointOptions } from "./point-choice.js";
import { buildWishIn, check, sizeField, sizesIn } from "./size-choice.js";

/** What was written where the failover built it. */
const meanwhile = (name, region) =>
  check(
    "lost",
    "What was written in the meantime may go.",
    `Everything that ${name} has written in ${region} is lost.`,
    true,
  );

/** What is given up by it is said first: it may be a day's work. */
export const cancelFailoverDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    const region = regionOf(item, model);
    const runs = item.properties.activeLocation === "Recovery";
    const from = sourceRegionOf(item);
    return h(
      "form",
      { key: `cancel ${item.id}`, onsubmit: submitting(() => actions.cancelFailover({ id: item.id, name })) },
      h("h2", { id: "dialog-title" }, `Cancel the failover of ${name}?`),
      h(
        "p",
        { key: "what" },
        runs
          ? `The machine that runs in ${region} is deleted with its disks. `
          : `Whatever the failover built in ${region} is deleted. `,
        `${name} in ${from} is protected again. Unless it was shut down for the failover it may have gone on; as nobody recorded what it wrote since, all its disks are compared first. Its recovery points stay.`,
      ),
      h(
        "p",
        { key: "gone", class: "hint" },
        `While ${from} does not answer nothing is replicated. ${name} can be failed over again then, to any of its points.`,
      ),
      runs && meanwhile(name, region),
      dialogButtons(model, actions, "danger", "Delete it, and protect the source again", {
        dismiss: "Keep it",
      }),
    );
  });

/** Behind it there is no other point and no way back, so it says what stays lost. */
export const commitDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    const region = regionOf(item, model);
    const { failover, state } = item.properties.leeward ?? {};
    return h(
      "form",
      { key: `commit ${item.id}`, onsubmit: submitting(() => actions.commit({ id: item.id, name })) },
      h("h2", { id: "dialog-title" }, `Commit the failover of ${name}?`),
      state === "CommitFailed" &&
        h("p", { key: "again" }, "The commit that failed goes on: what it has deleted is gone already."),
      h(
        "p",
        { key: "what" },
        `${name} stays in ${region} for good: it can no longer be built from another recovery point, nor can the failover be cancelled. `,
        "What only these would need is deleted: disks of other points, what disks were imported from, and the warm replica.",
      ),
      h(
        "p",
        { key: "stays" },
        "Its recovery points and their journal stay until the protection is disabled.",
      ),
      failover && lossView(`nothing more. What the failover lost stays lost: ${lostByFailover(failover)}`),
      dialogButtons(model, actions, "primary", `Commit ${name}`, { dismiss: "Not yet" }),
    );
  });

function lostByFailover({ announced, lost }) {
  const known = announced
    ? `${duration(announced.seconds)}, ${count(announced.writes, "write")} (${size(announced.bytes)}) that are known.`
    : "how much is not known.";
  return lost ? `${known} The old side: ${lostWords(lost)}.` : known;
}

/** The machine is somebody's by now: its point is not left to chance. */
export const changePointDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    const region = regionOf(item, model);
    const { point: wanted } = model.dialog;
    const { failover } = item.properties.leeward ?? {};
    const choose = choosing(model, actions);
    const submit = submitting((form) =>
      actions.changePoint({ id: item.id, name }, { point: wanted, at: form.get("at"), ...buildWishIn(form) }),
    );
    return h(
      "form",
      { key: `change ${item.id}`, onsubmit: submit },
      h("h2", { id: "dialog-title" }, `Build ${name} from another recovery point?`),
      h(
        "p",
        null,
        `It runs from ${failover ? ranFrom(failover) : "another point"}. The machine in ${region} is deleted, and built anew from what you choose; it is not there meanwhile. Its network interfaces and their addresses stay.`,
      ),
      h("label", { for: "point", key: "l" }, "Recovery point"),
      h(
        "select",
        { id: "point", key: "point", required: true, onchange: choose("point") },
        pointOptions(item, { running: failover?.point }),
      ),
      wanted === INSTANT && instantField(item.points),
      sizeField(sizesIn(item, failover?.build), model.dialog.size, choose("size")),
      lossView(
        `${lostInRegion(failover, name, region)}${wanted ? `; and of what was written before the failover, ${lostSince(wanted, chosenOf(item.points, wanted))}` : "."}`,
      ),
      meanwhile(name, region),
      dialogButtons(model, actions, "danger", `Build ${name} anew now`, { dismiss: "Keep it as it is" }),
    );
  });

const ranFrom = ({ pointTime, write }) =>
  write
    ? `write ${write.sequence.toLocaleString("en")} of ${clock(pointTime)}`
    : `the point of ${clock(pointTime)}`;

function lostInRegion(failover, name, region) {
  const since = failover?.endTime ?? failover?.startTime;
  const ago = since ? ` since ${clock(since)}, ${duration(secondsSince(since))} ago` : "";
  return `everything that ${name} has written in ${region}${ago}`;
}

/** The direction is turned around: what runs now is copied to where it came from. */
export const reprotectDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    // What failed over there has that side's record: it leads to where this one came from.
    const again = item.properties.leeward?.state === "ReversalFailed";
    const ends = [regionOf(item, model), sourceRegionOf(item)];
    const [here, there] = again ? ends.toReversed() : ends;
    return h(
      "form",
      { key: `reprotect ${item.id}`, onsubmit: submitting(() => actions.reprotect({ id: item.id, name })) },
      h("h2", { id: "dialog-title" }, `Protect ${name} towards ${there}?`),
      h(
        "p",
        { key: "what" },
        again
          ? `It goes on where it failed. ${name} runs in ${here} all the while.`
          : `${name} goes on in ${here}, and is replicated to ${there} from now on, by Leeward's app there. Its disks are compared with the old ones in ${there}; only what differs is sent, and all of a disk that is gone.`,
      ),
      h(
        "p",
        { key: "old", class: "hint" },
        `The old machine in ${there} is shut down if it runs, and is not deleted. Until the first point is there, ${name} cannot be failed over to ${there}. What it will have otherwise than before is listed by the job.`,
      ),
      lossView(
        `what the old machine in ${there} wrote and ${here} never got: those writes are in no point of the new direction.`,
      ),
      dialogButtons(model, actions, "primary", `Protect ${name} towards ${there}`),
    );
  });
