import { choosing, dialogButtons } from "./dialogs.js";
import { h } from "./dom.js";
import { removedView } from "./jobs.js";
import { nameOfMachine, regionOf } from "./machine-name.js";

/** Says what will go and what will stay before anything does. */
export function disableDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const name = nameOfMachine(item);
  const over = item.properties.activeLocation === "Recovery";
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const chosen = { purge: Boolean(form.get("purge")), keepPoints: Boolean(form.get("keep")) };
    void actions.disable({ id: item.id, name }, chosen);
  };
  const choose = choosing(model, actions);
  return h(
    "form",
    { key: `disable ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Disable the protection of ${name}?`),
    h(
      "p",
      null,
      over
        ? `${name} goes on in ${regionOf(item, model)}, without Leeward. `
        : `${name} goes on where it is, without protection. `,
      "Its recovery points and their journal are deleted for good.",
    ),
    removalView(model.dialog.removal),
    choice(
      { name: "keep", disabled: model.dialog.purge },
      "Keep the recovery points.",
      "Their journal stays in the target account until you delete it: see restore in the documentation.",
    ),
    choice(
      { name: "purge", onchange: choose("purge") },
      "Go on without what does not answer.",
      "For a region or a machine that is gone: what could not be deleted there is listed by the job. Points are not kept then.",
    ),
    dialogButtons(model, actions, "danger", `Disable ${name} now`),
  );
}

const choice = (field, words, hint) =>
  h(
    "label",
    { class: "check", key: field.name },
    h("input", { type: "checkbox", ...field }),
    h("span", null, `${words} `, h("span", { class: "hint" }, hint)),
  );

function removalView({ value, failure } = {}) {
  if (!value && !failure) return h("p", { key: "removal", class: "hint" }, "Looking what there is…");
  if (value) return h("div", { key: "removal" }, removedView(value, "Will be deleted", "Will stay"));
  return h(
    "p",
    { key: "removal", class: "notice bad" },
    `What there is could not be read: ${failure.message}`,
  );
}
