import { app } from "@azure/functions";
import { z } from "zod";
import { claimOf } from "./auth.ts";
import { COMPONENTS, SCHEMAS } from "./api-schemas.ts";
import { ROUTES, type Route } from "./http.ts";

/** Without a token: it says what the app takes, and nothing of what is in it. */
app.http("openapi", {
  methods: ["GET"],
  route: "openapi.json",
  authLevel: "anonymous",
  handler: async () => ({ jsonBody: openApi() }),
});

/** What the app serves, as OpenAPI 3.1, made of its routes and of the schemas that it checks requests with. */
export function openApi(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of ROUTES) {
    if (route.path.includes("{*")) continue;
    const path = pathOf(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Leeward",
      version: "0.1.0",
      description: "Disaster recovery of Azure virtual machines, on the paths of Azure Site Recovery.",
      license: { name: "MIT", identifier: "MIT" },
    },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: mapped(COMPONENTS, (schema) => schemaOf(schema, "output", schema)),
    },
    security: [{ token: [] }],
  };
}

function operation(name: string, route: Route): object {
  const { body, answer, goesOn } = SCHEMAS[name] ?? {};
  return {
    operationId: name,
    description: `Needs the app role ${claimOf(route.role)}.`,
    "x-leeward-role": claimOf(route.role),
    parameters: parametersOf(route),
    ...(body && { requestBody: { content: json(schemaOf(body, "input")) } }),
    responses: {
      ...(goesOn ? ACCEPTED : {}),
      200: { description: "Done.", ...(answer && { content: json(schemaOf(answer, "output")) }) },
      default: { description: "Refused, or failed.", content: json({ $ref: "#/components/schemas/Error" }) },
    },
  };
}

const text = { schema: { type: "string" } };

/** Both places to ask are given, absolute. */
const ACCEPTED = {
  202: {
    description: "It goes on, or is done already: ask where the headers say.",
    headers: { "azure-asyncoperation": text, location: text, "retry-after": text },
  },
  204: { description: "There is nothing to be done." },
};

const json = (schema: object) => ({ "application/json": { schema } });

const parametersOf = (route: Route): object[] => [
  ...namesIn(pathOf(route)).map((name) => ({ name, in: "path", required: true, ...text })),
  ...(route.versioned ? [{ name: "api-version", in: "query", required: true, ...text }] : []),
  ...(route.method === "GET" ? [] : [{ name: "x-ms-client-request-id", in: "header", ...text }]),
];

const namesIn = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);

/** A template may have one name twice; here each has its own. */
function pathOf({ path }: Route): string {
  const seen = new Map<string, number>();
  const named = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count > 1 ? `{${name}${count}}` : `{${name}}`;
  });
  return `/${named}`;
}

/**
 * What no JSON schema can say, as that two fields exclude each other, is left to the answer.
 * @param self which is described itself, not referred to
 */
function schemaOf(schema: z.ZodType, io: "input" | "output", self?: z.ZodType): object {
  const { $schema: _, ...plain } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (Object.is(zodSchema, self)) return;
      const name = Object.entries(COMPONENTS).find(([, one]) => Object.is(one, zodSchema))?.[0];
      if (name === undefined) return;
      for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
      jsonSchema.$ref = `#/components/schemas/${name}`;
    },
  });
  return plain;
}

const mapped = <From, To>(
  record: Readonly<Record<string, From>>,
  change: (one: From) => To,
): Record<string, To> => Object.fromEntries(Object.entries(record).map(([key, one]) => [key, change(one)]));
