import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

/** What an operation's description says of its parameters, beside the path's own. */
const parameter = z.looseObject({
  name: z.string().optional(),
  in: z.string().optional(),
  schema: z.unknown().optional(),
  $ref: z.string().optional(),
});
const operation = z.looseObject({
  operationId: z.string(),
  parameters: z.array(parameter).default([]),
  responses: z.record(z.string(), z.looseObject({ schema: z.unknown().optional() })),
  "x-ms-long-running-operation": z.boolean().default(false),
});
const description = z.looseObject({
  info: z.looseObject({ version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});

/** One published operation of one api-version. */
export interface Published {
  readonly id: string;
  readonly version: string;
  /** Where it is described: references are relative to this file. */
  readonly file: string;
  readonly method: string;
  /** Its path in the file, with parameters in braces. */
  readonly template: string;
  readonly pattern: RegExp;
  /** Segments of its path that are written out: of two that fit, the one with more is meant. */
  readonly fixed: number;
  readonly parameters: readonly z.output<typeof parameter>[];
  readonly responses: z.output<typeof operation>["responses"];
  readonly longRunning: boolean;
}

/** Every file below the directory, examples excepted, by its path; and the operations in them. */
export function readDescriptions(directory: string): {
  readonly files: ReadonlyMap<string, unknown>;
  readonly operations: readonly Published[];
} {
  if (!existsSync(directory)) throw new Error(`There are no published descriptions in ${directory}.`);
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  const wanted = names.filter((name) => name.endsWith(".json") && !name.split(path.sep).includes("examples"));
  const files = new Map<string, unknown>(
    wanted.map((name) => {
      const file = path.resolve(directory, name);
      return [file, JSON.parse(readFileSync(file, "utf8"))];
    }),
  );
  return { files, operations: [...files].flatMap(([file, content]) => operationsIn(file, content)) };
}

function operationsIn(file: string, content: unknown): Published[] {
  const parsed = description.safeParse(content);
  if (!parsed.success) return [];
  const { info, paths } = parsed.data;
  return Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).flatMap(([method, said]) => {
      const found = operation.safeParse(said);
      if (!found.success) return [];
      const { operationId, parameters, responses } = found.data;
      return [
        {
          id: operationId,
          version: info.version,
          file,
          method: method.toUpperCase(),
          template,
          pattern: patternOf(template),
          fixed: template.split("/").filter((part) => part !== "" && !part.startsWith("{")).length,
          parameters,
          responses,
          longRunning: found.data["x-ms-long-running-operation"],
        },
      ];
    }),
  );
}

/** A scope and the way to a nested resource are more than one segment. */
const MANY = /^\{(scope|parentResourcePath|resourceType|resourceId)\}$/;

function patternOf(template: string): RegExp {
  const parts = template
    .split("/")
    .filter((part) => part !== "")
    .map((part) => (MANY.test(part) ? ".+" : part.startsWith("{") ? "[^/]+" : part.replaceAll(".", "\\.")));
  return new RegExp(`^/${parts.join("/")}/?$`, "i");
}
