import { h } from "./dom.js";

/** Whether a machine can be protected, as the app found when the dialog was opened; `{ value }`, `{ failure }` or neither yet. */
export function verdictView({ value, failure } = {}) {
  if (failure)
    return box(
      "verdict",
      h("p", null, "Whether it can be protected could not be found out: ", failure.message),
    );
  if (!value) return box("verdict", h("p", { class: "hint" }, "Looking whether it can be protected…"));
  const { errors, leeward } = value.properties;
  return [
    errors.length > 0 &&
      box("verdict bad", h("p", null, h("strong", null, "It cannot be protected.")), list(errors)),
    errors.length === 0 && box("verdict", h("p", null, h("strong", null, "It can be protected."))),
    leeward.warnings.length > 0 &&
      h(
        "details",
        { key: "warnings", class: "verdict", open: errors.length === 0 },
        h("summary", null, `What its copy will lack or may need (${leeward.warnings.length})`),
        list(leeward.warnings),
      ),
  ];
}

export const isRefused = ({ value } = {}) => (value?.properties.errors.length ?? 0) > 0;

const box = (kind, ...content) =>
  h("div", { key: "verdict", class: kind.includes("bad") ? "notice bad" : kind, id: "verdict" }, ...content);

const list = (found) =>
  h(
    "ul",
    null,
    found.map(({ code, message, possibleCauses, recommendedAction }) =>
      h(
        "li",
        { key: `${code} ${message}` },
        h("strong", null, code),
        ` ${message}. ${possibleCauses} `,
        h("span", { class: "hint" }, recommendedAction),
      ),
    ),
  );
