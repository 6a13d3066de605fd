import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { ANY, type Field, type Shape, type ShapeSource } from "./shape.ts";

const ref = z.object({ $ref: z.string() });
const field = z.object({ type: ref, flags: z.number() });
const fields = z.record(z.string(), field);
const entry = z.union([
  z.object({ $type: z.literal("StringLiteralType"), value: z.string() }),
  z.object({ $type: z.literal("UnionType"), elements: z.array(ref) }),
  z.object({ $type: z.literal("ArrayType"), itemType: ref }),
  z.object({ $type: z.literal("ObjectType"), properties: fields, additionalProperties: ref.optional() }),
  z.object({
    $type: z.literal("DiscriminatedObjectType"),
    discriminator: z.string(),
    baseProperties: fields,
    elements: z.record(z.string(), ref),
  }),
  z.object({ $type: z.literal("ResourceType"), name: z.string(), body: ref }),
  z.object({
    $type: z.enum(["StringType", "IntegerType", "BooleanType", "AnyType", "ResourceFunctionType"]),
  }),
]);
type Entry = z.infer<typeof entry>;

const REQUIRED = 1;
const READ_ONLY = 2;

/** Shapes as `Azure/bicep-types-az` publishes them, one file for each provider and version. */
export function bicepTypes(folder: string): ShapeSource {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".types.json"))
    .map((name) => path.join(folder, name));
  return (type, version, name) => {
    for (const file of files.filter((one) => one.includes(version))) {
      const entries = entriesOf(file);
      const wanted = `${type}@${version}`.toLowerCase();
      const found = entries.find((one) => one.$type === "ResourceType" && one.name.toLowerCase() === wanted);
      if (found?.$type === "ResourceType") return shapeOf(entries, found.body, name);
    }
    return undefined;
  };
}

function entriesOf(file: string): Entry[] {
  const known = read.get(file) ?? z.array(entry).parse(JSON.parse(readFileSync(file, "utf8")));
  read.set(file, known);
  return known;
}
const read = new Map<string, Entry[]>();

function shapeOf(entries: readonly Entry[], { $ref }: z.infer<typeof ref>, choice?: string): Shape {
  const found = entries[Number($ref.replace("#/", ""))];
  switch (found?.$type) {
    case "StringType":
      return { kind: "string" };
    case "StringLiteralType":
      return { kind: "string", values: new Set([found.value]) };
    case "IntegerType":
      return { kind: "integer" };
    case "BooleanType":
      return { kind: "boolean" };
    case "UnionType":
      return unionOf(found.elements.map((element) => shapeOf(entries, element)));
    case "ArrayType":
      return { kind: "array", items: () => shapeOf(entries, found.itemType) };
    case "ObjectType": {
      const { additionalProperties: others } = found;
      return {
        kind: "object",
        properties: () => fieldsOf(entries, found.properties),
        ...(others && { others: () => shapeOf(entries, others) }),
      };
    }
    case "DiscriminatedObjectType": {
      const element = found.elements[choice ?? ""];
      const more = element ? shapeOf(entries, element) : ANY;
      if (more.kind !== "object") return ANY;
      return {
        ...more,
        properties: () => new Map([...fieldsOf(entries, found.baseProperties), ...more.properties()]),
      };
    }
    case "ResourceType":
    case "ResourceFunctionType":
    case "AnyType":
    case undefined:
      return ANY;
  }
}

/** Literals that are listed are all there is, also where a schema lets others pass for the sake of later versions. */
function unionOf(shapes: readonly Shape[]): Shape {
  const values = shapes.flatMap((shape) =>
    shape.kind === "string" && shape.values ? [...shape.values] : [],
  );
  return values.length > 0 ? { kind: "string", values: new Set(values) } : ANY;
}

const fieldsOf = (entries: readonly Entry[], properties: z.infer<typeof fields>): Map<string, Field> =>
  new Map(
    Object.entries(properties).map(([name, { type, flags }]) => [
      name,
      {
        shape: () => shapeOf(entries, type),
        required: (flags & REQUIRED) !== 0,
        readOnly: (flags & READ_ONLY) !== 0,
      },
    ]),
  );
