import { ArmError } from "./arm-error.ts";

/** A parsed ARM path. Types are lower case for comparison; names and `id` keep the caller's casing. */
export interface ArmPath {
  readonly subscription: string;
  readonly group: string | undefined;
  /** Lower case, e.g. `microsoft.compute`; `microsoft.resources` for paths without a provider. */
  readonly namespace: string;
  /** Lower case with namespace, e.g. `microsoft.compute/virtualmachines/extensions`. */
  readonly type: string;
  readonly name: string;
  /** The resource's id: the path without a trailing action or collection. */
  readonly id: string;
  /** What the resource hangs on: its group or subscription, or for a lock the resource that it locks. */
  readonly scope: string;
  /** Set when the path goes one word further than the resource: an action or a collection. */
  readonly tail: string | undefined;
}

const RESOURCES = "microsoft.resources";

/** @throws ArmError 400 or 404 for what is no ARM path. */
export function armPath(pathname: string): ArmPath {
  const parts = pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  const [root, subscription = "", ...rest] = parts;
  if (root?.toLowerCase() !== "subscriptions" || !subscription)
    throw new ArmError(404, "InvalidResourcePath", `The path '${pathname}' is not a path of this service.`);
  const inGroup = rest[0]?.toLowerCase() === "resourcegroups" && rest[1] !== undefined;
  const group = inGroup ? rest[1] : undefined;
  const scope = parts.slice(0, inGroup ? 4 : 2);
  const below = inGroup ? rest.slice(2) : rest;
  const base = { subscription, group };
  if (below[0]?.toLowerCase() !== "providers" || below.length < 3) return bare(base, scope, below);
  const last = lastProvider(below);
  return provided(base, [...scope, ...below.slice(0, last)], below.slice(last + 1));
}

/** Where the last `providers` stands: a lock's path goes through the resource that it locks. */
function lastProvider(below: readonly string[]): number {
  const at = below.findIndex(
    (word, index) => index > 3 && index % 2 === 0 && word.toLowerCase() === "providers",
  );
  return at < 0 || below.length - at < 3 ? 0 : at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ArmError(400, "InvalidResourcePath", `'${part}' in the path is not URL-encoded.`);
  }
}

/** Subscriptions and groups themselves, and what hangs on them without a provider. */
function bare(
  base: Pick<ArmPath, "subscription" | "group">,
  scope: readonly string[],
  below: readonly string[],
): ArmPath {
  const words = below.map((word) => word.toLowerCase());
  const [first, second] = words;
  const id = `/${scope.join("/")}`;
  if (first === "providers" || first === "operationresults")
    return {
      ...base,
      namespace: RESOURCES,
      type: `${RESOURCES}/${first}`,
      name: below[1] ?? "",
      id: `${id}/${below.slice(0, 2).join("/")}`,
      scope: id,
      tail: undefined,
    };
  const type = `${RESOURCES}/${base.group === undefined ? "subscriptions" : "resourcegroups"}`;
  return {
    ...base,
    namespace: RESOURCES,
    type,
    name: scope.at(-1) ?? "",
    id,
    scope: id,
    tail: second ? words.join("/") : first,
  };
}

function provided(
  base: Pick<ArmPath, "subscription" | "group">,
  scope: readonly string[],
  below: readonly string[],
): ArmPath {
  const [namespace = "", ...words] = below;
  if (words.length === 1 && words[0]?.toLowerCase() === "register")
    return {
      ...base,
      namespace: RESOURCES,
      type: `${RESOURCES}/providers`,
      name: namespace,
      id: `/${scope.join("/")}/providers/${namespace}`,
      scope: `/${scope.join("/")}`,
      tail: "register",
    };
  const whole = words.length % 2 === 0 ? words : words.slice(0, -1);
  const types = whole.filter((_, at) => at % 2 === 0);
  return {
    ...base,
    namespace: namespace.toLowerCase(),
    type: [namespace, ...types].join("/").toLowerCase(),
    name: whole.at(-1) ?? "",
    id: `/${[...scope, "providers", namespace, ...whole].join("/")}`,
    scope: `/${scope.join("/")}`,
    tail: whole.length === words.length ? undefined : words.at(-1)?.toLowerCase(),
  };
}
