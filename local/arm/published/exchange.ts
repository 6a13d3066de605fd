import type { Published } from "./description.ts";
import { readDescriptions } from "./description.ts";
import { isNode, resolved } from "./reference.ts";
import { type Schemas, schemasOf } from "./schema.ts";

/** A call and its answer, as they went over the wire. */
export interface Exchange {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: unknown;
}

/** Polling is a convention of all services, described nowhere; `/resources` is asked for by the box's own tests. */
const UNDESCRIBED = /\/(operations|operationresults|diskoperations|asyncoperations)\/[^/]+$/i;

/** Described by Microsoft, in files that the saved ones are without. */
const NOT_AT_HAND =
  /\/providers\/Microsoft\.(Compute\/(capacityReservationGroups|virtualMachineScaleSets)|Storage\/storageAccounts\/[^/]+\/(queue|table|file)Services)\//i;

/**
 * Compares exchanges with Microsoft's published descriptions. A request counts when it was accepted: tests send wrong ones
 * on purpose. A response counts always. Of an api-version that is not at hand only the response is compared, with the one
 * that the simulator models.
 */
export function publishedCheck(directory: string): (exchange: Exchange) => string[] {
  const { files, operations } = readDescriptions(directory);
  const schemas = schemasOf(files);
  const known = new Map<string, readonly Published[]>();
  const search = (method: string, pathname: string) =>
    operations
      .filter((operation) => operation.method === method && operation.pattern.test(pathname))
      .toSorted((a, b) => b.fixed - a.fixed)
      // What is described for resources of any type counts only where its own type is not described.
      .filter(({ fixed }, _, [closest]) => fixed === closest?.fixed);
  return (exchange) => {
    const { method, pathname, query } = exchange;
    if (UNDESCRIBED.test(pathname) || NOT_AT_HAND.test(pathname)) return [];
    const call = `${method} ${pathname}`;
    const fitting = known.get(call) ?? search(method, pathname);
    known.set(call, fitting);
    const version = query.get("api-version");
    const exact = fitting.find((operation) => operation.version === version);
    const operation = exact ?? fitting[0];
    const name = `${method} ${pathname} (${operation?.id ?? "?"} ${version ?? ""})`;
    if (!operation) return exchange.status < 400 ? [`${name}: no such operation is published`] : [];
    const wrong = [
      ...(exact && exchange.status < 400 ? requestOf(schemas, files, exact, exchange) : []),
      ...responseOf(schemas, operation, exchange),
    ];
    return wrong.map((line) => `${name}: ${line}`);
  };
}

function requestOf(
  schemas: Schemas,
  files: ReadonlyMap<string, unknown>,
  operation: Published,
  { query, body }: Exchange,
): string[] {
  const known = operation.parameters.map((parameter, index) => {
    const here = [...placeOf(operation), "parameters", String(index)];
    const target = parameter.$ref
      ? resolved(files, operation.file, parameter.$ref)
      : { file: operation.file, names: here, node: parameter };
    return { ...target, node: isNode(target.node) ? target.node : {} };
  });
  const names = known.flatMap(({ node }) =>
    node["in"] === "query" ? [String(node["name"]).toLowerCase()] : [],
  );
  const unknown = [...query.keys()].filter((name) => !names.includes(name) && name !== "$skiptoken");
  const described = known.find(({ node }) => node["in"] === "body");
  const wrong = unknown.map((name) => `there is no query parameter ${name}`);
  if (body === undefined)
    return described?.node["required"] === true ? [...wrong, "the body is missing"] : wrong;
  if (!described) return [...wrong, "it takes no body"];
  const lines = schemas.check(described.file, [...described.names, "schema"], "request", body);
  return [...wrong, ...lines.map((line) => `request ${line}`)];
}

const placeOf = ({ template, method }: Published): string[] => ["paths", template, method.toLowerCase()];

function responseOf(schemas: Schemas, operation: Published, { status, headers, answer }: Exchange): string[] {
  const { responses } = operation;
  const key = String(status) in responses ? String(status) : status >= 400 ? "default" : undefined;
  if (key === undefined) return [`status ${status} is not published: ${Object.keys(responses).join(", ")}`];
  const polled = "azure-asyncoperation" in headers || "location" in headers;
  const wrong =
    operation.longRunning && (status === 201 || status === 202) && !polled
      ? [`status ${status} says nowhere where to poll`]
      : [];
  if (responses[key]?.schema === undefined)
    return answer === undefined || key === "default" || status >= 400
      ? wrong
      : [...wrong, `status ${status} has no body`];
  if (answer === undefined) return status === 202 ? wrong : [...wrong, `status ${status} has a body`];
  const pointer = [...placeOf(operation), "responses", key, "schema"];
  const lines = schemas.check(operation.file, pointer, "response", answer);
  return [...wrong, ...lines.map((line) => `response ${status} ${line}`)];
}
