import { h } from "./dom.js";

/** What is not as the source has it, and how the machine started. */
export function buildFacts({ size, alternatives = [], notes = [], nics = [], boot } = {}) {
  const others = nics.flatMap(({ name, addresses }) =>
    addresses
      .filter(({ why }) => why)
      .map(({ given, why }) => `${name}: ${given ?? "another"}, since ${why}`),
  );
  return [
    ...(size ? [["Size", size]] : []),
    ...(alternatives.length > 0 ? [["Other sizes", alternatives.join(", ")]] : []),
    ...(others.length > 0 ? [["Other addresses", others.join("; ")]] : []),
    ...(notes.length > 0 ? [["Mind", notes.join("; ")]] : []),
    ...(boot ? [["Start", `${boot.power}, VM agent ${boot.agent ?? "silent"}`]] : []),
    ...(boot && boot.console.length > 0 ? [["Console", h("pre", null, boot.console.join("\n"))]] : []),
  ];
}
