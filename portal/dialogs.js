import { h } from "./dom.js";
import { isRefused, verdictView } from "./verdict.js";
import { planView } from "./plan.js";
import { nameOfMachine, regionOf } from "./machine-name.js";

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
    dialogButtons(model, actions, "primary", "Enable protection", {
      disabled: isRefused(verdict),
    }),
  );
}

/** Says what it costs before it is begun. */
export const resyncDialog = (model, actions) =>
  ofItem(model, (item, name) =>
    h(
      "form",
      { key: `resync ${item.id}`, onsubmit: submitting(() => actions.resync({ id: item.id, name })) },
      h("h2", { id: "dialog-title" }, `Resync ${name}?`),
      h(
        "p",
        null,
        `All disks of ${name} are read and compared with what ${regionOf(item, model)} holds; only blocks that differ are sent. `,
        "All points stay. Until it is over no new one is made, so a failover meanwhile goes back to the newest that there is.",
      ),
      dialogButtons(model, actions, "primary", `Resync ${name} now`),
    ),
  );

/** The machine that the dialog is about, for what is said of it; it may have gone while the dialog was open. */
export function ofItem(model, view) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  return item ? view(item, nameOfMachine(item)) : h("p", null, "This machine is gone.");
}

/** What a form is sent with, as its fields say then. */
export const submitting = (send) => (event) => {
  event.preventDefault();
  void send(new FormData(event.target));
};

/** Keeps what is chosen in a field, since other parts of the dialog depend on it. */
export const choosing = (model, actions) => (field) => (event) => {
  const { type, checked, value } = event.target;
  model.dialog[field] = type === "checkbox" ? checked : value;
  actions.chosen();
};

/** What closes it, and what the form is for. */
export function dialogButtons(model, actions, kind, words, { disabled = false, dismiss = "Cancel" } = {}) {
  return h(
    "div",
    { class: "actions" },
    h("button", { type: "button", onclick: actions.close }, dismiss),
    h(
      "button",
      { type: "submit", class: kind, disabled: disabled || model.sending },
      model.sending ? "Sending…" : words,
    ),
  );
}

const groupOf = (id) => /\/resourceGroups\/([^/]+)/i.exec(id)?.[1] ?? "recovered";
