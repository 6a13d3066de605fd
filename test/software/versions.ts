import type { Sequence } from "../../engine/core/units.ts";
import type { Promised } from "./cuts.ts";

/** One of the values that a thing had, one after the other. */
export interface Version<Value> extends Promised {
  readonly value: Value;
}

/** Those that a cut may leave: the last one that was durable by then, and the later ones that were begun. */
export function possible<Value>(versions: readonly Version<Value>[], cut: Sequence): Value[] {
  const last = versions.findLastIndex(({ kept }) => kept <= cut);
  return versions.filter(({ begun }, index) => index === last || (index > last && begun < cut)).map(valueOf);
}

const valueOf = <Value>({ value }: Version<Value>): Value => value;
