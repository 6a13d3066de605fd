import type { HttpRequest } from "@azure/functions";
import { LeewardError } from "../../engine/core/errors.ts";

const OPERATORS = ["eq", "ne", "ge", "le", "gt", "lt"] as const;
type Operator = (typeof OPERATORS)[number];

export interface Condition {
  readonly field: string;
  readonly operator: Operator;
  readonly value: string;
}

/** What an entry has of a field: text compares without regard to case, a number as one. Undefined is equal to nothing. */
type FieldOf<Entry> = (entry: Entry) => string | number | undefined;

/** A field that a filter may name. `bound` is a time of which `eq` means from then on, or until then, as ASR's clients ask. */
export interface FilterField<Entry> {
  readonly of: FieldOf<Entry>;
  readonly bound?: "from" | "until";
}

/**
 * What `$filter` lets pass: conditions joined by `and`, as in `JobStatus eq 'Failed' and StartTime eq '2026-11-01T00:00:00Z'`.
 * @param fields by their names in lower case
 * @throws InvalidRequest for what is no such filter, or names another field
 */
export function filterIn<Entry>(
  request: HttpRequest,
  fields: Readonly<Record<string, FilterField<Entry>>>,
): (entry: Entry) => boolean {
  const text = request.query.get("$filter") ?? request.query.get("filter") ?? "";
  return filterBy(conditionsIn(text), fields);
}

/** As `filterIn`, for conditions that came in another way. @throws InvalidRequest */
export function filterBy<Entry>(
  conditions: readonly Condition[],
  fields: Readonly<Record<string, FilterField<Entry>>>,
): (entry: Entry) => boolean {
  const tests = conditions.map((condition) => testOf(condition, fields));
  return (entry) => tests.every((passes) => passes(entry));
}

const CONDITION = /^\s*(\w+)\s+(eq|ne|ge|le|gt|lt)\s+(?:'((?:[^']|'')*)'|([^\s']+))\s*(?:and\s+|$)/i;

/** @throws InvalidRequest */
export function conditionsIn(text: string): Condition[] {
  const found: Condition[] = [];
  if (text.length > 4096) throw refused("it is longer than 4096 characters");
  for (let rest = text.trim(); rest !== "";) {
    const [all = "", field = "", operator = "", quoted, bare = ""] = CONDITION.exec(rest) ?? [];
    const known = OPERATORS.find((one) => one === operator.toLowerCase());
    if (all === "" || !known) throw refused(`not a condition: ${JSON.stringify(rest.slice(0, 100))}`);
    const value = quoted?.replaceAll("''", "'") ?? bare;
    found.push({ field: field.toLowerCase(), operator: known, value });
    rest = rest.slice(all.length);
    if (rest === "" && /and\s+$/i.test(all)) throw refused("it ends in the middle");
  }
  return found;
}

const refused = (why: string) => new LeewardError("InvalidRequest", `the query parameter $filter: ${why}`);

function testOf<Entry>(
  { field, operator, value }: Condition,
  fields: Readonly<Record<string, FilterField<Entry>>>,
): (entry: Entry) => boolean {
  const known = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!known) throw refused(`there is no ${field} to filter by; there are ${Object.keys(fields).join(", ")}`);
  const compares = operatorOf(operator, known.bound);
  const isTime = known.bound !== undefined;
  const wanted = isTime ? timeIn(value) : value.toLowerCase();
  return (entry) => {
    const has = known.of(entry);
    if (has === undefined) return operator === "ne";
    return compares(orderOf(typeof has === "string" ? has.toLowerCase() : has, wanted));
  };
}

function timeIn(text: string): number {
  const found = Date.parse(text);
  if (Number.isNaN(found)) throw refused(`not a time: ${JSON.stringify(text.slice(0, 100))}`);
  return found;
}

const orderOf = (a: string | number, b: string | number): number => {
  const [one, other] = typeof b === "number" ? [Number(a), b] : [String(a), b];
  if (one < other) return -1;
  return one > other ? 1 : 0;
};

function operatorOf(operator: Operator, bound: "from" | "until" | undefined): (order: number) => boolean {
  if (operator === "eq" && bound === "from") return (order) => order >= 0;
  if (operator === "eq" && bound === "until") return (order) => order <= 0;
  return COMPARES[operator];
}

const COMPARES: Record<Operator, (order: number) => boolean> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  ge: (order) => order >= 0,
  le: (order) => order <= 0,
  gt: (order) => order > 0,
  lt: (order) => order < 0,
};
