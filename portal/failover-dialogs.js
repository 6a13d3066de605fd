import { choosing, dialogButtons, ofItem, submitting } from "./dialogs.js";
import { h } from "./dom.js";
import { clock, count, duration, size } from "./format.js";
import { regionOf, sourceRegionOf } from "./machine-name.js";
import { INSTANT, chosenOf, instantField, lostBy, pointOptions } from "./point-choice.js";
import { buildWishIn, check, retryChoices, sizeField, sizesIn } from "./size-choice.js";

/** Says what will be lost before it is lost. A failover that failed is gone on with. */
export const failoverDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    const region = regionOf(item, model);
    const { point: wanted } = model.dialog;
    const before = triedBefore(item);
    const chosen = chosenOf(item.points, wanted);
    const kept = before && !wanted;
    const choose = choosing(model, actions);
    const submit = submitting((form) =>
      actions.failover(
        { id: item.id, name },
        { point: wanted, at: form.get("at"), shutDown: form.has("shutDown"), ...buildWishIn(form) },
      ),
    );
    return h(
      "form",
      { key: `failover ${item.id}`, onsubmit: submit },
      h("h2", { id: "dialog-title" }, before ? `Try the failover of ${name} again?` : `Fail over ${name}?`),
      before ? goesOn(item, before) : isBegun(region),
      h("label", { for: "point", key: "l" }, "Recovery point"),
      h(
        "select",
        { id: "point", key: "point", onchange: choose("point") },
        pointOptions(item, { before: before?.words }),
      ),
      wanted === INSTANT && instantField(item.points),
      sizeField(sizesOf(item), model.dialog.size, choose("size")),
      before && retryChoices(isRefused(item)),
      !before &&
        check(
          "shutDown",
          "Shut the source down first, if it answers.",
          "Its last writes are waited for some minutes. Unless a point was chosen it then goes to the newest write that has arrived.",
        ),
      lossView(
        kept
          ? `everything that ${name} wrote after ${clock(before.time)}.`
          : lostBy(item, wanted, chosen, region),
      ),
      dialogButtons(model, actions, "danger", before ? "Try again now" : `Fail over ${name} now`, {
        disabled: !chosen && !kept,
      }),
    );
  });

/** Nothing is lost by it, so what it does to the source is what there is to say. */
export const plannedFailoverDialog = (model, actions) =>
  ofItem(model, (item, name) => {
    const region = regionOf(item, model);
    const from = sourceRegionOf(item);
    const submit = submitting((form) => actions.plannedFailover({ id: item.id, name }, buildWishIn(form)));
    return h(
      "form",
      { key: `planned ${item.id}`, onsubmit: submit },
      h("h2", { id: "dialog-title" }, `Shut ${name} down, and fail it over?`),
      h(
        "p",
        null,
        `${name} in ${from} is shut down in order, and stays off, also if the failover is cancelled later. `,
        `What it wrote last is carried over; then a new machine is built in ${region} from its very last write.`,
      ),
      h(
        "p",
        { class: "hint" },
        `If it cannot be shut down, or not everything has arrived within half an hour, nothing is failed over: the job fails, and ${name} is protected as before. It may be off then, and is to be started by you.`,
      ),
      sizeField(sizesOf(item), model.dialog.size, choosing(model, actions)("size")),
      lossView(`nothing. ${waiting(item, region)}`, "good"),
      dialogButtons(model, actions, "danger", `Shut ${name} down now`),
    );
  });

function waiting({ properties }, region) {
  const { region: loss } = properties.leeward?.losses ?? {};
  if (!loss) return `How much has still to arrive in ${region} is not known.`;
  return `Still to arrive in ${region} now: ${duration(loss.seconds)}, ${count(loss.writes, "write")} (${size(loss.bytes)}).`;
}

/** @param words after "What will be lost:"; text, or a list */
export const lossView = (words, kind = "bad") =>
  h(
    "div",
    { class: `notice ${kind}`, id: "will-be-lost", key: "lost" },
    h(typeof words === "string" ? "p" : "div", null, h("strong", null, "What will be lost: "), words),
  );

const isBegun = (region) =>
  h(
    "p",
    { key: "begun" },
    `A new machine is built in ${region} from what has arrived there. `,
    "Replication from the source stops for good: nothing that it writes from now on is kept.",
  );

function goesOn({ properties }, { time }) {
  const [failed] = properties.healthErrors;
  return [
    h(
      "p",
      { key: "goes-on" },
      `It goes on where it stands, with what was built of ${clock(time)}. `,
      "With another point or another size the machine itself is built anew.",
    ),
    failed &&
      h(
        "p",
        { key: "failed", class: "notice bad" },
        h("strong", null, failed.errorCode),
        ` ${failed.errorMessage}`,
      ),
  ];
}

/** The point, or the write, that a failover which failed had chosen. */
function triedBefore({ properties }) {
  const { failover, state } = properties.leeward ?? {};
  if (!failover || !["FailoverFailed", "CancelFailed"].includes(state)) return undefined;
  const { pointTime: time, write } = failover;
  const what = write ? `write ${write.sequence.toLocaleString("en")} of` : "the point of";
  return { time, words: `The same as before: ${what} ${clock(time)}` };
}

const isRefused = ({ properties }) =>
  properties.healthErrors.some(({ errorCode }) => errorCode === "TargetUnfit");

const sizesOf = (item) => ({
  ...sizesIn(item, item.properties.leeward?.failover?.build),
  refused: isRefused(item),
});
