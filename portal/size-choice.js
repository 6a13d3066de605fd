import { h } from "./dom.js";
import { count } from "./format.js";

const OTHER = "other";

/** The size that is built without a choice, and those that were offered in its place. */
export const sizesIn = ({ properties }, build) => ({
  usual: build?.size ?? properties.providerSpecificDetails?.recoveryAzureVMSize,
  alternatives: build?.alternatives ?? [],
});

/** @param refused the region could not build the usual one: the nearest of the others is chosen for it */
export function sizeField({ usual, alternatives, refused }, wanted, choose) {
  const offered = refused ? alternatives : [];
  const preferred = wanted ?? offered[0] ?? "";
  const option = (value, words) =>
    h("option", { key: `size ${value}`, value, selected: value === preferred }, words);
  return [
    h("label", { key: "size label", for: "size" }, "Size of the machine"),
    h(
      "select",
      { key: "size", id: "size", name: "size", onchange: choose },
      option("", usual ? `${usual}${refused ? ", which was refused" : ", as planned"}` : "As planned"),
      offered.map((size) => option(size, size)),
      option(OTHER, "Another one"),
    ),
    offered.length > 0 &&
      h(
        "p",
        { key: "offered", class: "hint" },
        `${count(offered.length, "size")} would do, the nearest first. A quota that was raised meanwhile makes room for the refused one.`,
      ),
    preferred === OTHER && [
      h("label", { key: "other label", for: "otherSize" }, "Its name in Azure, as in Standard_E4s_v5"),
      h("input", {
        id: "otherSize",
        key: "other",
        name: "otherSize",
        initial: "",
        required: true,
        pattern: "[A-Za-z0-9_\\-]{1,80}",
        autocomplete: "off",
        spellcheck: "false",
      }),
    ],
  ];
}

/** What a try that follows one that failed may do without. */
export const retryChoices = (refused) => [
  refused &&
    check(
      "acceptUnfit",
      "Build it all the same.",
      "The region's lists of sizes and quotas may be wrong, or of before a quota was raised.",
    ),
  check(
    "onlyRunning",
    "It need only run.",
    "Azure's VM agent is not waited for, as on a machine that has none.",
  ),
];

export const check = (name, words, hint, required = false) =>
  h(
    "label",
    { class: "check", key: name },
    h("input", { type: "checkbox", name, required }),
    h("span", null, `${words} `, h("span", { class: "hint" }, hint)),
  );

export const buildWishIn = (form) => ({
  size: form.get("otherSize") ?? form.get("size"),
  acceptUnfit: form.has("acceptUnfit"),
  onlyRunning: form.has("onlyRunning"),
});
