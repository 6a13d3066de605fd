import { h } from "./dom.js";

const WORDS = {
  make: "is made",
  made: "was made by an earlier try",
  adopt: "is there, Leeward's",
  named: "is yours, left as it is",
};

/** What an enablement would make, as the app answered; `{ value }`, `{ failure }`, `{ asked }` or nothing yet. */
export function planView({ value, failure, asked } = {}) {
  if (failure) return box("notice bad", h("p", null, "The plan could not be made: ", failure.message));
  if (asked) return box("", h("p", { class: "hint" }, "Making the plan…"));
  if (!value) return undefined;
  const { errors, resources } = value.properties;
  return box(
    "",
    errors.map(({ code, message }) =>
      h("p", { key: `${code} ${message}` }, h("strong", null, code), ` ${message}`),
    ),
    h(
      "details",
      { open: true },
      h("summary", null, `What it comes to (${resources.length})`),
      planList(resources),
    ),
  );
}

export const planList = (resources) =>
  h(
    "ul",
    { class: "plain" },
    resources.map(({ id, name, type, how, why, sku, adds }) =>
      h(
        "li",
        { key: id },
        h("strong", null, name),
        ` ${type.slice(type.indexOf("/") + 1)}${sku ? ` (${sku})` : ""}: ${WORDS[how] ?? how}. `,
        adds && `${addedWords(adds)} `,
        h("span", { class: "hint" }, why),
      ),
    ),
  );

function addedWords({ addressPrefixes, subnets }) {
  const space = addressPrefixes.length > 0 && `${addressPrefixes.join(", ")} of address space`;
  return `Added to it: ${[space, `${subnets.length === 1 ? "the subnet" : "the subnets"} ${subnets.join(", ")}`].filter(Boolean).join(", and ")}.`;
}

const box = (kind, ...content) => h("div", { key: "plan", id: "plan", class: kind }, ...content);
