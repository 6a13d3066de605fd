import type { Decision } from "../app/witnessed.ts";

/**
 * What the ledger says of orchestrators that decided the same thing twice, in sentences. That one decision stands there more
 * than once is how it should be: activities run at least once, and each run writes down why.
 */
export function decidedTwice(notes: readonly string[]): string[] {
  const decided = new Map<string, Set<string>>();
  for (const { instance, generation, nth, ...what } of notes.flatMap(decisionIn)) {
    // Who rewinds an instance, or starts another one under its id, asks for its decisions once more.
    if (instance.includes("-again")) continue;
    const place = `decision ${nth} of generation ${generation} of ${instance}`;
    decided.set(place, (decided.get(place) ?? new Set()).add(JSON.stringify(what)));
  }
  return [...decided].flatMap(([place, taken]) =>
    taken.size > 1 ? [`${place} was taken twice: ${[...taken].join(" and ")}`] : [],
  );
}

/** How many decisions were acted upon more than once. */
export function repeatsIn(notes: readonly string[]): number {
  const decisions = notes.filter((line) => line.startsWith(PREFIX));
  return decisions.length - new Set(decisions).size;
}

/** None where a kill has cut the line. */
function decisionIn(line: string): Decision[] {
  if (!line.startsWith(PREFIX)) return [];
  try {
    const decision: Decision = JSON.parse(line.slice(PREFIX.length));
    return [decision];
  } catch {
    return [];
  }
}

const PREFIX = "decision ";
