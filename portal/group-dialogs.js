import { h } from "./dom.js";
import { dialogButtons } from "./dialogs.js";
import { count } from "./format.js";
import { nameOfMachine } from "./machine-name.js";

/** What the app takes as a name. */
const NAME_PATTERN = "[\\w.\\(\\) \\-]{1,200}";
/** In place of a group's name. */
const NEW = "";

const nameField = (id) =>
  h("input", {
    id,
    name: "name",
    required: true,
    maxlength: 200,
    pattern: NAME_PATTERN,
    autocomplete: "off",
    spellcheck: "false",
  });

/** Asks for a name, and how its common points are made. */
export function newGroupDialog(model, actions) {
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const settings = { interval: Number(form.get("minutes")) * 60_000, hold: Number(form.get("hold")) };
    void actions.createGroup(form.get("name").trim(), settings);
  };
  return h(
    "form",
    { key: "new group", onsubmit: submit },
    h("h2", { id: "dialog-title" }, "New group"),
    h(
      "p",
      null,
      "Its machines get common recovery points: no effect on one of them is kept without its cause on another.",
    ),
    h("label", { for: "name" }, "Name"),
    nameField("name"),
    h("label", { for: "minutes" }, "A common point every so many minutes"),
    h("input", {
      id: "minutes",
      name: "minutes",
      type: "number",
      initial: 5,
      min: 1,
      max: 1440,
      required: true,
    }),
    h("label", { for: "hold" }, "Milliseconds for which writes behind it are held back"),
    h("input", {
      id: "hold",
      name: "hold",
      type: "number",
      initial: 100,
      min: 20,
      max: 5000,
      required: true,
    }),
    h("p", { class: "hint" }, "At least twice the quickest round trip between a machine and this app."),
    dialogButtons(model, actions, "primary", "Make the group"),
  );
}

/** Has a machine join a group, or leave the one that it is in. */
export function membershipDialog(model, actions) {
  const item = model.data.items.find(({ id }) => id === model.dialog.id);
  if (!item) return h("p", null, "This machine is gone.");
  const { group } = item.properties.leeward ?? {};
  return group ? leaveForm(model, actions, item, group) : joinForm(model, actions, item);
}

function leaveForm(model, actions, item, group) {
  const name = nameOfMachine(item);
  const submit = (event) => {
    event.preventDefault();
    void actions.leaveGroup({ id: item.id, name }, group.name);
  };
  return h(
    "form",
    { key: `leave ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Take ${name} out of ${group.name}?`),
    h(
      "p",
      null,
      `${name} takes part in no common point of ${group.name} from now on, and goes on with points of its own. `,
      "Common points that were made stay as they are.",
    ),
    dialogButtons(model, actions, "primary", `Leave ${group.name}`),
  );
}

function joinForm(model, actions, item) {
  const name = nameOfMachine(item);
  const { groups } = model.data;
  const wanted = model.dialog.group ?? groups[0]?.name ?? NEW;
  const choose = (event) => {
    model.dialog.group = event.target.value;
    actions.chosen();
  };
  const submit = (event) => {
    event.preventDefault();
    const made = new FormData(event.target).get("name")?.trim();
    void actions.joinGroup({ id: item.id, name }, wanted === NEW ? made : wanted);
  };
  return h(
    "form",
    { key: `join ${item.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Add ${name} to a group`),
    h(
      "p",
      null,
      "It takes part from the next common barrier on. A group waits for all its members: one that is in trouble keeps it from new points.",
    ),
    h("label", { for: "group" }, "Group"),
    h(
      "select",
      { id: "group", onchange: choose },
      groups.map((group) => h("option", { key: group.id, value: group.name }, group.name)),
      h("option", { key: "new", value: NEW }, "A new group"),
    ),
    wanted === NEW && h("label", { key: "name label", for: "new-name" }, "Its name"),
    wanted === NEW && nameField("new-name"),
    dialogButtons(model, actions, "primary", `Add ${name}`),
  );
}

/** Says what goes with it. */
export function deleteGroupDialog(model, actions) {
  const group = model.data.groups.find(({ id }) => id === model.dialog.id);
  if (!group) return h("p", null, "This group is gone.");
  const submit = (event) => {
    event.preventDefault();
    void actions.deleteGroup(group);
  };
  const points = group.points.length;
  return h(
    "form",
    { key: `delete ${group.id}`, onsubmit: submit },
    h("h2", { id: "dialog-title" }, `Delete the group ${group.name}?`),
    h(
      "p",
      null,
      points > 0
        ? `Its common points (${count(points, "point")} at least) are no longer common: each machine keeps its part only as its own policy says.`
        : "It has no common points. Nothing of any machine changes.",
    ),
    dialogButtons(model, actions, "danger", `Delete ${group.name}`),
  );
}
