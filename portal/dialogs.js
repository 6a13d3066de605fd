import { h } from "./dom.js";
import { nameOfMachine, regionOf } from "./machine-name.js";

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
