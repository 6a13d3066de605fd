import { choosing } from "./dialogs.js";
import { h } from "./dom.js";
import { nameOf } from "./format.js";

const DISK_KINDS = [
  "Standard_LRS",
  "StandardSSD_LRS",
  "StandardSSD_ZRS",
  "Premium_LRS",
  "Premium_ZRS",
  "PremiumV2_LRS",
  "UltraSSD_LRS",
];
/** What a copy of it can be called, by the role that the plan gives it. */
const NAMED = {
  network: "Network",
  "security-group": "Network security group",
  "application-group": "Application security group",
  availability: "Availability set",
};
/** Where machines can be put, of which Azure takes one: the words, the label of the field, and what is named in it. */
const PLACES = {
  set: ["An availability set of mine", "Its id", "availabilitySets"],
  zone: ["A zone", "Its number"],
  scaleSet: ["A flexible scale set of mine", "Its id", "virtualMachineScaleSets"],
  reservation: ["Reserved capacity of mine", "The id of its group", "capacityReservationGroups"],
};

/**
 * Everything that can be chosen beside the resource group. Left empty it is as the placeholder says, which is what a dry run
 * without a choice comes to.
 * @param look has that found out
 */
export function moreView(model, actions, look) {
  const { machine, defaults } = model.dialog;
  const plan = defaults?.value?.properties;
  return h(
    "details",
    {
      key: "more",
      class: "more",
      ontoggle: ({ target }) => target.open && !model.dialog.defaults && look(target),
    },
    h("summary", null, "More: names, placement, disks, accounts"),
    defaultsNote(defaults),
    part(
      "The machine",
      text("vmName", "Name", plan?.machine?.name ?? machine.name, "[A-Za-z0-9]([\\w.\\-]{0,62}\\w)?"),
      text("size", "Size", plan?.machine?.size ?? machine.size, "\\w{1,64}"),
      placeField(model, actions),
      idField("proximity", "Proximity placement group", "none", "proximityPlacementGroups"),
      idField("diagnostics", "Account of the boot diagnostics", "Azure's own", "storageAccounts"),
    ),
    part(
      "Network",
      idField("network", "Network, for all interfaces", placeOf(plan, "network"), "virtualNetworks"),
      (plan?.networkInterfaces ?? []).map(nicFields),
    ),
    plan?.machine && part("Disks", plan.machine.disks.map(diskFields)),
    namesPart(plan),
    part(
      "Storage accounts",
      accountFields("cache", "Cache", plan, ["Standard_ZRS", "Premium_LRS", "Premium_ZRS"]),
      accountFields("replica", "Warm replica", plan, ["Standard_ZRS"]),
    ),
  );
}

function defaultsNote({ value, failure } = {}) {
  if (failure)
    return h(
      "p",
      { key: "note", class: "notice bad" },
      `The defaults could not be found out: ${failure.message}`,
    );
  const words = value ? "What is left empty is taken as the grey text says." : "Looking what would be taken…";
  return h("p", { key: "note", class: "hint" }, words);
}

const part = (title, ...fields) =>
  h("fieldset", { key: title }, h("legend", null, title), h("div", { class: "fields" }, fields));

/** A field that is not seen cannot say what is wrong with it. */
const unfold = ({ target }) => {
  target.closest("details").open = true;
};

const text = (name, label, placeholder, pattern, more) =>
  h(
    "div",
    { key: name },
    h("label", { for: name }, label),
    h("input", {
      id: name,
      name,
      initial: "",
      placeholder,
      pattern,
      oninvalid: unfold,
      autocomplete: "off",
      spellcheck: "false",
      ...more,
    }),
  );

const idField = (name, label, placeholder, type, required = false) =>
  text(name, label, placeholder, `/subscriptions/.+/${type}/[^\\/]+`, {
    required,
    title: `The id of one of ${type}, as in /subscriptions/…/${type}/name`,
  });

const choice = (name, label, usual, others, onchange) =>
  h(
    "div",
    { key: name },
    h("label", { for: name }, label),
    h(
      "select",
      { id: name, name, onchange },
      h("option", { value: "", key: "usual" }, usual),
      others.map(([value, words = value]) => h("option", { key: value, value }, words)),
    ),
  );

function placeField(model, actions) {
  const { place } = model.dialog;
  const [, label, type] = PLACES[place] ?? [];
  return [
    choice(
      "place",
      "Placed in",
      "What the source is in",
      Object.entries(PLACES).map(([value, [words]]) => [value, words]),
      choosing(model, actions)("place"),
    ),
    type && idField(`place-${place}`, label, "", type, true),
    place === "zone" && choice("place-zone", label, "1", [["2"], ["3"]]),
  ];
}

/** The name of what is made, or taken, for this role. */
const placeOf = (plan, role) => plan?.resources.find((one) => one.role === role)?.name;

const nicFields = (nic, at) =>
  h(
    "div",
    { key: `nic ${nic.name}`, class: "fields wide", role: "group", "aria-label": nic.name },
    h("strong", { class: "wide" }, nic.name),
    text(`nic-${at}-recoveryName`, "Name of its copy", nic.recoveryName),
    text(`nic-${at}-subnet`, "Subnet", nameOf(nic.subnet)),
    text(`nic-${at}-address`, "Address", nic.address ?? "the source's, if it is free", "[0-9.]{7,15}"),
    idField(
      `nic-${at}-networkSecurityGroup`,
      "Network security group",
      nic.networkSecurityGroup ? nameOf(nic.networkSecurityGroup) : "none",
      "networkSecurityGroups",
    ),
  );

const diskFields = (disk, at) =>
  h(
    "div",
    { key: `disk ${disk.id}`, class: "fields wide", role: "group", "aria-label": disk.name },
    h("strong", { class: "wide" }, disk.name),
    choice(
      `disk-${at}-kind`,
      "Kind",
      disk.kind,
      DISK_KINDS.filter((kind) => kind !== disk.kind).map((kind) => [kind]),
    ),
    idField(`disk-${at}-encryptionSet`, "Encryption set", "the platform's key", "diskEncryptionSets"),
  );

/** What is there already has its name. */
const namable = ({ resources = [] } = {}) =>
  resources.filter(({ role, from, how }) => NAMED[role] && from && how === "make");

function namesPart(plan) {
  const made = namable(plan);
  return (
    made.length > 0 &&
    part(
      "Names of copies",
      made.map(({ role, from, name }, at) => text(`name-${at}`, `${NAMED[role]} like ${nameOf(from)}`, name)),
    )
  );
}

const accountFields = (name, label, plan, kinds) => [
  choice(
    `${name}Sku`,
    `${label}: kind`,
    "Standard_LRS",
    kinds.map((kind) => [kind]),
  ),
  idField(`${name}Account`, `${label}: an account of mine`, placeOf(plan, name) ?? "made", "storageAccounts"),
];

/** What was chosen of it, as `enablement` takes it. @param plan the one that the fields were made of */
export function moreIn(form, plan) {
  const of = (name) => form.get(name)?.trim() || undefined;
  const fields = (start, names) => Object.fromEntries(names.map((name) => [name, of(`${start}-${name}`)]));
  const place = of("place");
  return {
    ...Object.fromEntries(
      [
        "vmName",
        "size",
        "proximity",
        "diagnostics",
        "network",
        "cacheSku",
        "cacheAccount",
        "replicaSku",
        "replicaAccount",
      ].map((name) => [name, of(name)]),
    ),
    ...(place && { [place]: of(`place-${place}`) ?? (place === "zone" ? "1" : undefined) }),
    nics: (plan?.networkInterfaces ?? []).map(({ name }, at) => ({
      name,
      ...fields(`nic-${at}`, ["recoveryName", "subnet", "address", "networkSecurityGroup"]),
    })),
    disks: (plan?.machine?.disks ?? []).map(({ id }, at) => ({
      id,
      ...fields(`disk-${at}`, ["kind", "encryptionSet"]),
    })),
    names: namable(plan).map(({ from }, at) => ({ source: from, name: of(`name-${at}`) })),
  };
}
