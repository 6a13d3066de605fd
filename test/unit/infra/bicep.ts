import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Language, type Node, Parser } from "web-tree-sitter";

await Parser.init();
const wasm = createRequire(import.meta.url).resolve("tree-sitter-bicep/tree-sitter-bicep.wasm");
const parser = new Parser();
parser.setLanguage(await Language.load(wasm));

/** A Bicep file as far as the checks look into it. */
export interface Bicep {
  readonly file: string;
  readonly root: Node;
  readonly scope: string;
  readonly params: ReadonlyMap<string, Param>;
  readonly variables: ReadonlyMap<string, Node>;
  readonly resources: ReadonlyMap<string, Resource>;
  readonly modules: ReadonlyMap<string, Module>;
  readonly outputs: ReadonlySet<string>;
}

interface Param {
  readonly type: string;
  readonly required: boolean;
}

export interface Resource {
  readonly type: string;
  readonly version: string;
  readonly existing: boolean;
  readonly body: Node;
}

interface Module {
  /** From the file's folder. */
  readonly from: string;
  readonly body: Node;
}

export const parseFile = (file: string): Bicep => parseText(file, readFileSync(file, "utf8"));

export function parseText(file: string, text: string): Bicep {
  const root = parser.parse(text)?.rootNode;
  if (!root) throw new Error(`${file} was not parsed`);
  const declared = (type: string) => childrenOf(root).filter((node) => node.type === type);
  const scope = declared("target_scope_assignment")[0];
  return {
    file,
    root,
    scope: scope ? (/'(\w+)'/.exec(scope.text)?.[1] ?? "") : "resourceGroup",
    params: named(declared("parameter_declaration"), (node) => ({
      type: childrenOf(node)[1]?.text ?? "",
      required: childrenOf(node).length < 3,
    })),
    variables: named(declared("variable_declaration"), lastOf),
    resources: named(declared("resource_declaration"), resourceOf),
    modules: named(declared("module_declaration"), (node) => ({
      from: literal(childrenOf(node)[1]) ?? "",
      body: bodyOf(lastOf(node)),
    })),
    outputs: new Set(named(declared("output_declaration"), lastOf).keys()),
  };
}

export const siblingOf = ({ file }: Bicep, from: string): string => path.join(path.dirname(file), from);

export const childrenOf = (node: Node): Node[] =>
  node.namedChildren.flatMap((child) => (child && child.type !== "comment" ? [child] : []));

/** What a string without interpolation says. */
export function literal(node: Node | undefined): string | undefined {
  if (node?.type !== "string") return undefined;
  const parts = childrenOf(node);
  return parts.every(({ type }) => type === "string_content" || type === "escape_sequence")
    ? node.text.slice(1, -1)
    : undefined;
}

/** Properties of an object by name, in order; those whose names are computed are left out. */
export function propertiesOf(object: Node): Map<string, Node> {
  const found = new Map<string, Node>();
  for (const property of childrenOf(object)) {
    const [key, value] = childrenOf(property);
    const name = key?.type === "identifier" ? key.text : literal(key);
    if (property.type === "object_property" && name !== undefined && value) found.set(name, value);
  }
  return found;
}

export const at = ({ file }: Bicep, node: Node): string =>
  `${path.basename(file)}:${node.startPosition.row + 1}`;

const named = <T>(nodes: readonly Node[], of: (node: Node) => T): Map<string, T> =>
  new Map(nodes.map((node) => [childrenOf(node)[0]?.text ?? "", of(node)]));

function lastOf(node: Node): Node {
  const last = childrenOf(node).at(-1);
  if (!last) throw new Error(`nothing in ${node.text}`);
  return last;
}

function resourceOf(node: Node): Resource {
  const [type = "", version = ""] = (literal(childrenOf(node)[1]) ?? "").split("@");
  const existing = node.children.some((child) => child?.text === "existing");
  return { type, version, existing, body: bodyOf(lastOf(node)) };
}

/** The object behind conditions and loops. */
function bodyOf(node: Node): Node {
  return node.type === "if_statement" || node.type === "for_statement" ? bodyOf(lastOf(node)) : node;
}
