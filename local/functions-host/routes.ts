import { LeewardError } from "../../engine/core/errors.ts";

/** A route template, compiled. */
export interface Route {
  /** The values of its parameters, or undefined when the path is another one. Segments are as they came, undecoded. */
  match(segments: readonly string[]): Record<string, string> | undefined;
  /** Which of several matching routes wins: compared part by part, lower first. */
  readonly precedence: readonly number[];
}

/**
 * Compiles a template of Azure Functions: literals (compared case-insensitively), {x}, {x?}, {x:constraint} and {*rest}.
 * @throws LeewardError HostUnsupported for what this host does not emulate
 */
export function compileRoute(template: string): Route {
  const parts = splitPath(template).map((part) => compilePart(part, template));
  if (parts.some((part, index) => part.kind === "rest" && index < parts.length - 1))
    throw unsupported(template, "a catch-all parameter that is not the last");
  return {
    match: (segments) => matchParts(parts, segments),
    precedence: parts.map(precedenceOf),
  };
}

/** Empty segments at either end do not count. */
export function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\/|\/$/g, "");
  return trimmed === "" ? [] : trimmed.split("/");
}

export function compareRoutes(a: Route, b: Route): number {
  const length = Math.max(a.precedence.length, b.precedence.length);
  for (let index = 0; index < length; index++) {
    const difference = (a.precedence[index] ?? 0) - (b.precedence[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

type Check = (value: string) => boolean;

type Part =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "value"; readonly name: string; readonly optional: boolean; readonly checks: Check[] }
  | { readonly kind: "rest"; readonly name: string };

function compilePart(part: string, template: string): Part {
  if (!/[{}]/.test(part)) return { kind: "literal", text: part.toLowerCase() };
  const found = /^\{(\*{0,2})(\w+)((?::[^:{}?]+)*)(\??)\}$/.exec(part);
  if (!found) throw unsupported(template, part);
  const [, stars, name = "", constraints = "", optional] = found;
  if (stars) return { kind: "rest", name };
  const checks = constraints
    .split(":")
    .slice(1)
    .map((constraint) => checkOf(constraint, template));
  return { kind: "value", name, optional: optional === "?", checks };
}

const CHECKS: Record<string, Check> = {
  int: (value) => /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= 2 ** 31,
  long: (value) => /^-?\d{1,19}$/.test(value),
  bool: (value) => /^(?:true|false)$/i.test(value),
  guid: (value) => /^\{?[\da-f]{8}-?(?:[\da-f]{4}-?){3}[\da-f]{12}\}?$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  decimal: (value) => /^-?\d+(?:\.\d+)?$/.test(value),
};

function checkOf(constraint: string, template: string): Check {
  const known = CHECKS[constraint];
  if (known) return known;
  const length = /^(length|minlength|maxlength)\((\d+)(?:,(\d+))?\)$/.exec(constraint);
  if (!length) throw unsupported(template, `the constraint "${constraint}"`);
  const [, kind, low, high] = length;
  const least = kind === "maxlength" ? 0 : Number(low);
  const most = kind === "minlength" ? Number.POSITIVE_INFINITY : Number(high ?? low);
  return (value) => value.length >= least && value.length <= most;
}

function matchParts(parts: readonly Part[], segments: readonly string[]): Record<string, string> | undefined {
  const values: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    if (part.kind === "rest") {
      values[part.name] = segments.slice(index).map(decode).join("/");
      return values;
    }
    const segment = segments[index];
    if (segment === undefined) {
      if (part.kind === "value" && part.optional) continue;
      return undefined;
    }
    const value = decode(segment);
    if (part.kind === "literal") {
      if (value.toLowerCase() !== part.text) return undefined;
    } else if (value !== "" && part.checks.every((check) => check(value))) values[part.name] = value;
    else return undefined;
  }
  return segments.length > parts.length ? undefined : values;
}

/** Once, and %2F not at all: so does the web server of the real host. @throws URIError for a broken escape */
const decode = (segment: string): string =>
  segment
    .split(/(%2f)/i)
    .map((piece) => (/^%2f$/i.test(piece) ? piece : decodeURIComponent(piece)))
    .join("");

const precedenceOf = (part: Part): number => {
  if (part.kind === "literal") return 1;
  if (part.kind === "rest") return 5;
  return part.checks.length > 0 ? 2 : 3;
};

const unsupported = (template: string, what: string) =>
  new LeewardError("HostUnsupported", `route "${template}": ${what}`);
