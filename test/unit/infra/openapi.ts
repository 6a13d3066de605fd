import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { ANY, type Field, type Shape, type ShapeSource } from "./shape.ts";

const document = z.looseObject({ paths: z.record(z.string(), z.looseObject({})).default({}) });
type Document = z.infer<typeof document>;

const schema = z.looseObject({
  $ref: z.string().optional(),
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).default({}),
  /** Of a parameter it is a boolean. */
  required: z.array(z.string()).catch([]),
  allOf: z.array(z.unknown()).default([]),
  items: z.unknown().optional(),
  additionalProperties: z.unknown().optional(),
  readOnly: z.boolean().default(false),
});
type Schema = z.infer<typeof schema> & { readonly file: string };

const put = z.object({ put: z.object({ parameters: z.array(z.unknown()) }) });
const parameter = z.looseObject({
  file: z.string(),
  in: z.string().optional(),
  schema: z.unknown().optional(),
});

/** Bodies of PUT as `Azure/azure-rest-api-specs` publishes them (OpenAPI 2.0), at exactly the version that is asked for. */
export function openApi(folder: string): ShapeSource {
  const files = globSync("specification/**/*.json", { cwd: folder }).filter(
    (file) => !file.includes("/examples/"),
  );
  return (type, version) => {
    const wanted = `/providers/${type}`.toLowerCase();
    for (const file of files.filter((one) => one.includes(`/${version}/`))) {
      const full = path.join(folder, file);
      for (const [at, item] of Object.entries(documentAt(full).paths)) {
        const found = put.safeParse(item);
        if (typeAt(at) !== wanted || !found.success) continue;
        const parameters = found.data.put.parameters.map((one) => parameter.parse(resolved(full, one)));
        const body = parameters.find((one) => one.in === "body");
        if (body) return shapeOf(resolved(body.file, body.schema));
      }
    }
    return undefined;
  };
}

/** `/providers/microsoft.x/a/b` of a path that ends in the name of a `b`; groups are of `Microsoft.Resources`. */
function typeAt(at: string): string {
  const parts = at.toLowerCase().split("/");
  const from = parts.lastIndexOf("providers");
  if (from < 0)
    return parts.at(-2) === "resourcegroups" ? "/providers/microsoft.resources/resourcegroups" : "";
  const types = parts.slice(from + 2);
  if (types.length % 2 !== 0) return "";
  return `/providers/${[parts[from + 1], ...types.filter((_, index) => index % 2 === 0)].join("/")}`;
}

function documentAt(file: string): Document {
  const known = read.get(file) ?? document.parse(JSON.parse(readFileSync(file, "utf8")));
  read.set(file, known);
  return known;
}
const read = new Map<string, Document>();

/** Follows references, into other files as well. */
function resolved(file: string, value: unknown): Schema {
  const found = schema.parse(value ?? {});
  if (found.$ref === undefined) return { ...found, file };
  const [other = "", pointer = ""] = found.$ref.split("#");
  const target = other ? path.join(path.dirname(file), other) : file;
  let at: unknown = documentAt(target);
  for (const part of pointer.split("/").slice(1)) at = z.looseObject({}).parse(at)[part];
  return { ...resolved(target, at), readOnly: found.readOnly || schema.parse(at).readOnly };
}

function shapeOf(found: Schema): Shape {
  const { file, type = "object", items, additionalProperties: others } = found;
  const values = found.enum?.filter((value) => typeof value === "string");
  if (type === "string") return { kind: "string", ...(values && { values: new Set(values) }) };
  if (type === "integer" || type === "number") return { kind: "integer" };
  if (type === "boolean") return { kind: "boolean" };
  if (type === "array") return { kind: "array", items: () => shapeOf(resolved(file, items)) };
  const fields = fieldsOf(found);
  if (fields.size === 0 && !others) return ANY;
  return {
    kind: "object",
    properties: () => fields,
    ...(typeof others === "object" && { others: () => shapeOf(resolved(file, others)) }),
  };
}

function fieldsOf(found: Schema): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const part of found.allOf)
    for (const [name, one] of fieldsOf(resolved(found.file, part))) fields.set(name, one);
  for (const [name, value] of Object.entries(found.properties)) {
    const property = resolved(found.file, value);
    const required = found.required.includes(name);
    fields.set(name, { shape: () => shapeOf(property), required, readOnly: property.readOnly });
  }
  for (const name of found.required) {
    const known = fields.get(name);
    if (known) fields.set(name, { ...known, required: true });
  }
  return fields;
}
