import { dialogButtons, submitting } from "./dialogs.js";
import { h } from "./dom.js";
import { lossView } from "./failover-dialogs.js";
import { nameOfMachine, regionOf, sourceRegionOf } from "./machine-name.js";
import { chosenOf, lostBy } from "./point-choice.js";
import { machinesOf } from "./recovery-plans.js";
import { check } from "./size-choice.js";

/** Of each run what it does to all machines of the plan, and the words of its button. */
const WORDS = {
  TestFailover: [
    "Test the failover of all of",
    "A copy of each machine is built in an isolated network, beside everything; no machine and no replication is touched.",
    "Build the copies",
  ],
  TestFailoverCleanup: [
    "Clean up the tests of",
    "The copies of all machines are deleted, with what was made for them.",
    "Delete the copies",
  ],
  PlannedFailover: [
    "Shut down, and fail over, all of",
    "Each machine is shut down in order and stays off; what it wrote last is carried over, and it is built from its very last write. A machine of which that cannot be done ends the run.",
    "Shut them down now",
  ],
  UnplannedFailover: [
    "Fail over all of",
    "A new machine is built for each from what has arrived. Replication from the sources stops for good.",
    "Fail them over now",
  ],
  Commit: [
    "Commit the failovers of",
    "All machines stay where they are for good: no other recovery point, and no cancelling. Points and journals stay.",
    "Commit them",
  ],
  ReverseReplicate: [
    "Protect, the other way, all of",
    "Each machine is handed to the app of the region that it came from. What its former disks have already is not copied again; there, an old machine that still runs is switched off. Followed over there, under the machines' new ids.",
    "Hand them over",
  ],
  CancelFailover: [
    "Cancel the failovers of",
    "What the failovers built is deleted, and the sources are protected again, all their disks compared first.",
    "Delete them, and protect the sources again",
  ],
};

/** One group after the other; machines that are there already are passed over. */
export function runPlanDialog(model, actions) {
  const { id, run } = model.dialog;
  const plan = model.data.plans.find((one) => one.id === id);
  if (!plan) return h("p", null, "This plan is gone.");
  const [title, sentence, button] = WORDS[run];
  const machines = machinesOf(plan, model.data.items);
  const isDanger = ["PlannedFailover", "UnplannedFailover", "CancelFailover"].includes(run);
  return h(
    "form",
    {
      key: `plan ${id} ${run}`,
      onsubmit: submitting((form) => actions.runPlan(plan, run, { shutDown: form.has("shutDown") })),
    },
    h("h2", { id: "dialog-title" }, `${title} ${plan.name}?`),
    h("p", { key: "what" }, sentence),
    h(
      "p",
      { key: "order", class: "hint" },
      "Groups are gone through in their order, machines of a group together. Machines that are there already are passed over; one that fails ends the run behind its group.",
    ),
    run === "UnplannedFailover" &&
      check(
        "shutDown",
        "Shut the sources down first, if they answer.",
        "Their last writes are waited for some minutes.",
      ),
    lossOf(run, machines, model),
    dialogButtons(model, actions, isDanger ? "danger" : "primary", button, {
      dismiss: run === "CancelFailover" ? "Keep them" : "Cancel",
    }),
  );
}

function lossOf(run, machines, model) {
  if (run === "PlannedFailover") return lossView("nothing, of a machine that could be shut down.", "good");
  if (run === "UnplannedFailover")
    return lossView(
      list(machines, (item) => lostBy(item, "", chosenOf(item.points, ""), regionOf(item, model))),
    );
  if (run !== "CancelFailover") return undefined;
  return [
    lossView(
      list(
        machines,
        (item) => `what it has written in ${regionOf(item, model)}; it goes back to ${sourceRegionOf(item)}.`,
      ),
    ),
    check("lost", "What was written in the meantime may go.", "It is lost on all of them.", true),
  ];
}

const list = (machines, lost) =>
  h(
    "ul",
    null,
    machines.map((item) => h("li", { key: item.id }, `${nameOfMachine(item)}: `, lost(item))),
  );
