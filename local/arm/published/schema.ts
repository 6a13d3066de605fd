import { Ajv2019, type ValidateFunction } from "ajv/dist/2019.js";
import { type Files, type Node, isNode, resolved } from "./reference.ts";

/** In a request nothing may stand that is read-only; in a response it may. */
type Side = "request" | "response";

/** Checks values against the schemas of OpenAPI 2 descriptions. */
export interface Schemas {
  /** What is wrong with the value, one line each. @param pointer names in the file, from the top to the schema. */
  check(file: string, pointer: readonly string[], side: Side, value: unknown): string[];
}

const FORMATS = {
  "date-time": /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
};

/**
 * Each file is given twice, for requests and for responses, under URLs that keep its relative references right. Where
 * an object is used, properties that its schema does not have are refused: a description leaves that open, but a service
 * sends nothing that it does not describe, and a misspelt name is what the check is for.
 */
export function schemasOf(files: Files): Schemas {
  const ajv = new Ajv2019({
    strict: false,
    allErrors: true,
    logger: false,
    validateSchema: false,
    formats: FORMATS,
  });
  const compiled = new Map<string, ValidateFunction>();
  for (const side of ["request", "response"] as const)
    for (const [file, content] of files) {
      const schema = translated(files, file, side, content);
      if (isNode(schema)) ajv.addSchema({ ...schema, $id: urlOf(file, side) });
    }
  return {
    check(file, pointer, side, value) {
      const at = definitionAt(files, file, `#/${pointer.map(escaped).join("/")}`);
      const $ref = `${urlOf(at.file, side)}${at.ref}`;
      const validate = compiled.get($ref) ?? ajv.compile(closed(files, at.file, { $ref: at.ref }, { $ref }));
      compiled.set($ref, validate);
      if (validate(value)) return [];
      return (validate.errors ?? []).map(
        ({ instancePath, message = "", params }) =>
          `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
      );
    },
  };
}

const escaped = (name: string): string =>
  encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

/** Ajv knows what a reference evaluates, but not what a reference to a reference does. */
function definitionAt(files: Files, file: string, ref: string): { file: string; ref: string } {
  const { file: there, node } = resolved(files, file, ref);
  const local = `#${ref.split("#")[1] ?? ""}`;
  return isNode(node) && typeof node["$ref"] === "string"
    ? definitionAt(files, there, node["$ref"])
    : { file: there, ref: local };
}

const urlOf = (file: string, side: Side): string => `https://${side}.invalid${encodeURI(file)}`;

/** OpenAPI 2 in the words of JSON Schema 2019. */
function translated(files: Files, file: string, side: Side, node: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => translated(files, file, side, item));
  if (!isNode(node)) return node;
  const known = isNode(node["properties"]) ? node["properties"] : {};
  const isFixed = (name: string) =>
    side === "request" && isNode(known[name]) && known[name]["readOnly"] === true;
  const used = (inner: unknown) =>
    isNode(inner) ? closed(files, file, inner, asNode(translated(files, file, side, inner))) : inner;
  const keyword = (key: string, inner: unknown): unknown => {
    if (key === "properties" && isNode(inner))
      return Object.fromEntries(
        Object.entries(inner).map(([name, schema]) => [name, isFixed(name) ? false : used(schema)]),
      );
    if (key === "items" || key === "additionalProperties") return used(inner);
    if (key === "required" && Array.isArray(inner)) return inner.filter((name) => !isFixed(String(name)));
    return translated(files, file, side, inner);
  };
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== "enum" || !isOpen(node))
      .map(([key, inner]) => [key, keyword(key, inner)]),
  );
}

/** An enumeration of what there was when it was written: others may come, as new VM sizes do. */
const isOpen = (node: Node): boolean =>
  isNode(node["x-ms-enum"]) && node["x-ms-enum"]["modelAsString"] === true;

const asNode = (value: unknown): Node => (isNode(value) ? value : {});

/** Refuses unknown properties, where the schema says at all which there are. */
const closed = (files: Files, file: string, original: Node, schema: Node): Node =>
  isListed(files, file, original) ? { ...schema, unevaluatedProperties: false } : schema;

function isListed(files: Files, file: string, schema: Node): boolean {
  if (typeof schema["$ref"] === "string") {
    const target = resolved(files, file, schema["$ref"]);
    return isNode(target.node) && isListed(files, target.file, target.node);
  }
  if ("discriminator" in schema) return false;
  return isNode(schema["properties"]) || Array.isArray(schema["allOf"]);
}
