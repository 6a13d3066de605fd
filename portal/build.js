import { h } from "./dom.js";
import { count, size } from "./format.js";

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

/** What the old side's own journal says. */
export function lostWords(lost) {
  if (!lost) return "not looked at yet";
  const copies = lost.copiedBytes ? `, besides ${size(lost.copiedBytes)} that a comparison had copied` : "";
  const said = `${count(lost.writes, "write")} lost (${size(lost.bytes)}) in ${count(lost.rangeCount, "range")} of the disks${copies}`;
  if (lost.state === "complete") return `${said}: all that it recorded`;
  const why = lost.problem ? `cannot be read: ${lost.problem.code}` : "is not known to be all";
  return `${said} so far; the rest ${why}`;
}
