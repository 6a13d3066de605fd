import { dialogButtons } from "./dialogs.js";
import { h } from "./dom.js";
import { clock } from "./format.js";
import { nameOfMachine } from "./machine.js";
import { INSTANT, chosenOf, instantField, lostBy, pointOptions } from "./point-choice.js";
import { buildWishIn, check, retryChoices, sizeField, sizesIn } from "./size-choice.js";

/** Says what will be lost before it is lost. A failover that failed is gone on with. */
export function failoverDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const { region } = model.config;
  const { point: wanted } = model.dialog;
  const before = triedBefore(item);
  const chosen = chosenOf(item.points, wanted);
  const kept = before && !wanted;
  const choose = (field) => (event) => {
    model.dialog[field] = event.target.value;
    actions.chosen();
  };
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    void actions.failover(
      { id: item.id, name },
      {
        point: wanted,
        at: form.get("at"),
        ...buildWishIn(form),
      },
    );
  };
  return h(
    "form",
    { key: `failover ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, before ? `Try the failover of ${name} again?` : `Fail over ${name}?`),
    before ? goesOn(item, before) : isBegun(region),
    h("label", { for: "point", key: "l" }, "Recovery point"),
    h("select", { id: "point", key: "point", onchange: choose("point") }, pointOptions(item, before?.words)),
    wanted === INSTANT && instantField(item.points),
    sizeField(sizesOf(item), model.dialog.size, choose("size")),
    before && retryChoices(isRefused(item)),
    h(
      "div",
      { class: "notice bad", id: "will-be-lost", key: "lost" },
      h(
        "p",
        null,
        h("strong", null, "What will be lost: "),
        kept
          ? `everything that ${name} wrote after ${clock(before.time)}.`
          : lostBy(item, wanted, chosen, region),
      ),
    ),
    dialogButtons(model, actions, "danger", before ? "Try again now" : `Fail over ${name} now`, {
      disabled: !chosen && !kept,
    }),
  );
}

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

/** What is given up by it is said first: it may be a day's work. */
export function cancelFailoverDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const { region } = model.config;
  const runs = item.properties.activeLocation === "Recovery";
  const from = item.properties.providerSpecificDetails?.primaryFabricLocation ?? "its own region";
  const submit = (event) => {
    event.preventDefault();
    void actions.cancelFailover({ id: item.id, name });
  };
  return h(
    "form",
    { key: `cancel ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Cancel the failover of ${name}?`),
    h(
      "p",
      { key: "what" },
      runs
        ? `The machine that runs in ${region} is deleted with its disks. `
        : `Whatever the failover built in ${region} is deleted. `,
      `${name} in ${from} is protected again. Nothing was done to it, so it may have gone on; as nobody recorded what it wrote since, all its disks are compared first. Its recovery points stay.`,
    ),
    h(
      "p",
      { key: "gone", class: "hint" },
      `While ${from} does not answer nothing is replicated. ${name} can be failed over again then, to any of its points.`,
    ),
    runs &&
      check(
        "lost",
        "What was written in the meantime may go.",
        `Everything that ${name} has written in ${region} is lost.`,
        true,
      ),
    dialogButtons(model, actions, "danger", "Delete it, and protect the source again", {
      dismiss: "Keep it",
    }),
  );
}
