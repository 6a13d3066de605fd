import { existsSync } from "node:fs";
import type { Node } from "web-tree-sitter";
import { type Bicep, at, childrenOf, parseFile, propertiesOf, siblingOf } from "./bicep.ts";

/** Functions of Bicep that `infra/` uses. */
const FUNCTIONS = new Set(
  "empty environment guid items loadJsonContent replace resourceGroup subscription subscriptionResourceId take toLower union uniqueString".split(
    " ",
  ),
);
const DECORATORS = new Set(["allowed", "description", "maxLength", "minLength", "minValue"]);

/** What is wrong with syntax and names, each with its place: empty when all is well. */
export function problemsOfNames(bicep: Bicep): string[] {
  return [...syntax(bicep), ...names(bicep), ...unused(bicep), ...modules(bicep)];
}

function syntax(bicep: Bicep): string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.isError || node.isMissing)
      found.push(`${at(bicep, node)} syntax error at ${node.text.slice(0, 40)}`);
    for (const child of node.children) if (child?.hasError) visit(child);
  };
  if (bicep.root.hasError) visit(bicep.root);
  return bicep.root.hasError && found.length === 0 ? [`${at(bicep, bicep.root)} syntax error`] : found;
}

function names(bicep: Bicep): string[] {
  const found: string[] = [];
  const known = new Set(declaredIn(bicep));
  walk(bicep.root, new Set(), (node, locals) => {
    if (node.type === "call" && !FUNCTIONS.has(node.name) && !DECORATORS.has(node.name))
      found.push(`${at(bicep, node.at)} unknown function ${node.name}`);
    if (node.type === "use" && !known.has(node.name) && !locals.has(node.name))
      found.push(`${at(bicep, node.at)} unknown name ${node.name}`);
  });
  return found;
}

function unused(bicep: Bicep): string[] {
  const used = new Set<string>();
  walk(bicep.root, new Set(), (node) => void used.add(node.name));
  return [...bicep.params.keys(), ...bicep.variables.keys()]
    .filter((name) => !used.has(name))
    .map((name) => `${at(bicep, bicep.root)} ${name} is declared and not used`);
}

function modules(bicep: Bicep): string[] {
  const found: string[] = [];
  for (const [symbol, { from, body }] of bicep.modules) {
    const say = (what: string) => found.push(`${at(bicep, body)} module ${symbol}: ${what}`);
    const file = siblingOf(bicep, from);
    if (!existsSync(file)) {
      say(`there is no ${from}`);
      continue;
    }
    const module = parseFile(file);
    const given = propertiesOf(propertiesOf(body).get("params") ?? body);
    for (const name of given.keys()) if (!module.params.has(name)) say(`${from} has no parameter ${name}`);
    for (const [name, { required }] of module.params)
      if (required && !given.has(name)) say(`${from} needs ${name}`);
    const scope = propertiesOf(body).get("scope") ? "resourceGroup" : bicep.scope;
    if (scope !== module.scope) say(`${from} is for a ${module.scope}`);
    for (const name of outputsRead(bicep, symbol))
      if (!module.outputs.has(name)) say(`${from} has no output ${name}`);
  }
  return found;
}

function outputsRead({ root }: Bicep, symbol: string): string[] {
  const pattern = new RegExp(`\\b${symbol}!?\\.\\??outputs\\.\\??(\\w+)`, "g");
  return [...root.text.matchAll(pattern)].map(([, name]) => name ?? "");
}

const declaredIn = (bicep: Bicep): string[] => [
  ...bicep.params.keys(),
  ...bicep.variables.keys(),
  ...bicep.resources.keys(),
  ...bicep.modules.keys(),
];

interface Seen {
  readonly type: "use" | "call";
  readonly name: string;
  readonly at: Node;
}

/** Tells of every name that is used, with the names that loops around it give. */
function walk(
  node: Node,
  locals: ReadonlySet<string>,
  see: (seen: Seen, locals: ReadonlySet<string>) => void,
) {
  const [first, ...rest] = childrenOf(node);
  const visit = (nodes: readonly (Node | undefined)[], within = locals) => {
    for (const one of nodes) if (one) walk(one, within, see);
  };
  if (node.type === "identifier") see({ type: "use", name: node.text, at: node }, locals);
  else if (node.type.endsWith("_declaration")) visit(rest.filter(({ type }) => type !== "type"));
  else if (node.type === "target_scope_assignment") return;
  else if (node.type === "object_property") visit(first?.type === "identifier" ? rest : [first, ...rest]);
  else if (node.type === "member_expression") visit([first]);
  else if (node.type === "call_expression") {
    see({ type: "call", name: first?.text ?? "", at: node }, locals);
    visit(rest);
  } else if (node.type === "for_statement") {
    const variables = first?.type === "for_loop_parameters" ? childrenOf(first) : [first];
    const within = new Set([...locals, ...variables.map((variable) => variable?.text ?? "")]);
    visit(rest, within);
  } else visit([first, ...rest]);
}
