import { choosing, dialogButtons, ofItem, submitting } from "./dialogs.js";
import { h } from "./dom.js";
import { nameOfMachine, regionOf } from "./machine-name.js";
import { INSTANT, instantField, pointOptions } from "./point-choice.js";
import { buildWishIn, retryChoices, sizeField, sizesIn } from "./size-choice.js";

/** Builds a copy beside everything; nothing is lost by it, so it does not look like danger. */
export function testDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const { test } = item.properties.leeward;
  const failed = test?.state === "failed";
  const sizes = { ...sizesIn(item, test?.build), refused: test?.failure?.code === "TargetUnfit" };
  const { point: wanted, network = "", size } = model.dialog;
  const choose = choosing(model, actions);
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const named = { id: item.id, name };
    const chosen = { point: wanted, at: form.get("at"), network, networkId: form.get("networkId") };
    void actions.test(named, { ...(!failed && chosen), ...buildWishIn(form) });
  };
  return h(
    "form",
    { key: `test ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Test the failover of ${name}?`),
    h(
      "p",
      null,
      `A copy of ${name} is built in ${regionOf(item, model)}, beside everything. The machine itself and its replication are not touched. `,
      "The copy costs what a machine of its size costs until it is cleaned up.",
    ),
    failed && [
      h(
        "p",
        { key: "goes-on" },
        "The test that failed goes on where it stands, with the same point and network.",
      ),
      test.failure &&
        h(
          "p",
          { key: "failure", class: "notice bad" },
          h("strong", null, test.failure.code),
          ` ${test.failure.message}`,
        ),
    ],
    !failed && [
      h("label", { for: "point", key: "l" }, "Recovery point"),
      h("select", { id: "point", key: "point", onchange: choose("point") }, pointOptions(item)),
      wanted === INSTANT && instantField(item.points),
      h("label", { for: "network", key: "n" }, "Network"),
      h(
        "select",
        { id: "network", key: "network", onchange: choose("network") },
        h("option", { key: "isolated", value: "" }, "An isolated one, made for the test"),
        h("option", { key: "sealed", value: "NoNetworkAttachAsInput" }, "None: nothing reaches the copy"),
        h("option", { key: "named", value: "named" }, "One of mine"),
      ),
      network === "named" &&
        h(
          "div",
          { key: "networkId" },
          h(
            "label",
            { for: "networkId" },
            "Its id. Whoever is in it, or is peered with it, meets a second machine that believes it is the real one",
          ),
          h("input", {
            id: "networkId",
            name: "networkId",
            initial: "",
            required: true,
            pattern: "/subscriptions/.+/virtualNetworks/[^\\/]+",
            autocomplete: "off",
            spellcheck: "false",
          }),
        ),
    ],
    sizeField(sizes, size, choose("size")),
    failed && retryChoices(sizes.refused),
    dialogButtons(model, actions, "primary", failed ? "Try the test again" : "Build the copy", {
      disabled: item.points.length === 0,
    }),
  );
}

/** A test that nobody has to look at. */
export const drillDialog = (model, actions) =>
  ofItem(model, (item, name) =>
    h(
      "form",
      { key: `drill ${item.id}`, onsubmit: submitting(() => actions.drill({ id: item.id, name })) },
      h("h2", { id: "dialog-title" }, `Drill the failover of ${name}?`),
      h(
        "p",
        null,
        `A copy of ${name} is built in ${regionOf(item, model)} from the newest good point, in an isolated network, and deleted as soon as it runs. `,
        "What remains is whether it came up, and in what time. The machine itself and its replication are not touched.",
      ),
      dialogButtons(model, actions, "primary", "Begin the drill", { disabled: item.points.length === 0 }),
    ),
  );

export function testCleanupDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const submit = (event) => {
    event.preventDefault();
    void actions.cleanUpTest({ id: item.id, name }, new FormData(event.target).get("comments"));
  };
  return h(
    "form",
    { key: `clean ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Clean up the test of ${name}?`),
    h(
      "p",
      null,
      "The copy is deleted with its disks, its network interfaces and the network that was made for it. A network of yours stays. ",
      `${name} and its recovery points are not touched.`,
    ),
    h("label", { for: "comments" }, "What came of it (kept with the job)"),
    h("input", { id: "comments", name: "comments", initial: "", maxlength: 1024, autocomplete: "off" }),
    dialogButtons(model, actions, "primary", "Delete the copy"),
  );
}
