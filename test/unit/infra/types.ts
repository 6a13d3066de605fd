import type { Node } from "web-tree-sitter";
import { type Bicep, type Resource, at, childrenOf, literal, propertiesOf } from "./bicep.ts";
import type { Field, Shape, ShapeSource } from "./shape.ts";

export interface Typed {
  readonly problems: readonly string[];
  /** Types without a published schema at hand. */
  readonly unchecked: readonly string[];
}

/** Of Bicep itself, not of the resource's body. */
const OF_BICEP = new Set(["parent", "scope", "dependsOn", "name"]);
const ALWAYS_READ = new Set(["id", "name", "type", "apiVersion"]);

/** Compares every resource's body, and what is read of it, with its published shape. */
export function typesOf(bicep: Bicep, shapes: ShapeSource): Typed {
  const problems: string[] = [];
  const unchecked: string[] = [];
  for (const [symbol, resource] of bicep.resources) {
    const shape = shapes(resource.type, resource.version, literal(propertiesOf(resource.body).get("name")));
    if (shape?.kind !== "object") {
      unchecked.push(`${resource.type}@${resource.version}`);
      continue;
    }
    problems.push(...bodyProblems(bicep, resource, shape.properties()));
    problems.push(...readProblems(bicep, symbol, shape));
  }
  return { problems, unchecked };
}

function bodyProblems(bicep: Bicep, resource: Resource, fields: ReadonlyMap<string, Field>): string[] {
  if (resource.existing) return [];
  const body = new Map([...fields].filter(([name]) => !OF_BICEP.has(name)));
  return objectProblems(bicep, resource.body, body, undefined, OF_BICEP);
}

function problems(bicep: Bicep, node: Node, shape: Shape): string[] {
  const say = (what: string) => [`${at(bicep, node)} ${node.text.slice(0, 60)}: ${what}`];
  if (node.type === "ternary_expression")
    return childrenOf(node)
      .slice(1)
      .flatMap((one) => problems(bicep, one, shape));
  const variable = node.type === "identifier" ? bicep.variables.get(node.text) : undefined;
  if (variable) return problems(bicep, variable, shape);
  const kind = kindOf(bicep, node);
  if (kind === undefined || shape.kind === "any") return [];
  if (kind !== shape.kind) return say(`a ${kind}, where a ${shape.kind} is wanted`);
  const text = literal(node);
  if (shape.kind === "string" && shape.values && text !== undefined && !shape.values.has(text))
    return say(`is none of ${[...shape.values].join(", ")}`);
  if (shape.kind === "array" && node.type === "array")
    return childrenOf(node).flatMap((one) => problems(bicep, one, shape.items()));
  if (shape.kind === "object" && node.type === "object")
    return objectProblems(bicep, node, shape.properties(), shape.others);
  return [];
}

function objectProblems(
  bicep: Bicep,
  node: Node,
  fields: ReadonlyMap<string, Field>,
  others?: () => Shape,
  besides: ReadonlySet<string> = new Set(),
): string[] {
  const given = propertiesOf(node);
  const found: string[] = [];
  for (const [name, value] of given) {
    const field = fields.get(name);
    if (field?.readOnly) found.push(`${at(bicep, value)} ${name} is read only`);
    else if (field) found.push(...problems(bicep, value, field.shape()));
    else if (others) found.push(...problems(bicep, value, others()));
    else if (!besides.has(name)) found.push(`${at(bicep, value)} unknown property ${name}`);
  }
  for (const [name, { required, readOnly }] of fields)
    if (required && !readOnly && !given.has(name)) found.push(`${at(bicep, node)} ${name} is missing`);
  return found;
}

/** Undefined where the value's type is not known without running the file. */
function kindOf(bicep: Bicep, node: Node): Shape["kind"] | undefined {
  if (node.type === "identifier") return PARAMETER[bicep.params.get(node.text)?.type ?? ""];
  return LITERAL[node.type];
}

const PARAMETER: Readonly<Record<string, Shape["kind"]>> = {
  string: "string",
  bool: "boolean",
  int: "integer",
  object: "object",
  array: "array",
};
const LITERAL: Readonly<Record<string, Shape["kind"]>> = {
  string: "string",
  boolean: "boolean",
  number: "integer",
  object: "object",
  array: "array",
};

/** `symbol.properties.x` where the shape has no `x`. */
function readProblems(bicep: Bicep, symbol: string, shape: Shape): string[] {
  const found: string[] = [];
  for (const [text, path = ""] of bicep.root.text.matchAll(
    new RegExp(`(?<![\\w.'])${symbol}(?:\\[\\w+\\])?((?:\\.\\w+)+)`, "g"),
  ))
    if (!readable(shape, path.split(".").slice(1))) found.push(`${symbol}: ${text} is not in the schema`);
  return found;
}

function readable(shape: Shape, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined || shape.kind === "any") return true;
  if (shape.kind !== "object") return false;
  const field = shape.properties().get(first);
  if (field) return readable(field.shape(), rest);
  return shape.others !== undefined || ALWAYS_READ.has(first);
}
