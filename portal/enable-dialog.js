import { dialogButtons } from "./dialogs.js";
import { h } from "./dom.js";
import { moreIn, moreView } from "./enable-more.js";
import { planView } from "./plan.js";
import { isRefused, verdictView } from "./verdict.js";

/** Asks where a machine shall come up; everything else has a default, and is folded away. */
export function enableDialog(model, actions) {
  const { machine, verdict, plan, defaults } = model.dialog;
  const { region } = model.config;
  const usualIn = (form) => ({
    name: machine.name,
    group: form.get("group"),
    replica: form.get("warm") ? "warm" : "none",
  });
  const wishIn = (element) => {
    const form = new FormData(element);
    return { ...usualIn(form), ...moreIn(form, defaults?.value?.properties) };
  };
  const submit = (event) => {
    event.preventDefault();
    void actions.enable(machine, wishIn(event.target));
  };
  const show = ({ target: { form } }) => {
    if (form.reportValidity()) void actions.plan("plan", machine, wishIn(form));
  };
  /** What would be taken without a choice, for the group that is asked for now. */
  const look = (element) => {
    const form = element.closest("form");
    const group = form.elements.namedItem("group");
    if (group.checkValidity()) void actions.plan("defaults", machine, usualIn(new FormData(form)));
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
      onchange: ({ target }) => defaults && look(target),
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
    moreView(model, actions, look),
    h("button", { type: "button", key: "show", onclick: show }, "Show what will be made"),
    planView(plan),
    dialogButtons(model, actions, "primary", "Enable protection", {
      disabled: isRefused(verdict),
    }),
  );
}

const groupOf = (id) => /\/resourceGroups\/([^/]+)/i.exec(id)?.[1] ?? "recovered";
