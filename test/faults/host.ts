import {
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
  createHttpHeaders,
} from "@azure/core-rest-pipeline";
import type { Box } from "../../local/arm/box.ts";
import { exchanged } from "../../local/arm/respond.ts";
import { type Calls, nameOf } from "./calls.ts";
import type { Process } from "./clock.ts";

const never = <Result>(): Promise<Result> => new Promise(() => undefined);

/** What a host is told when its death was asked for. */
export type Die = () => void;

/** A host's way to Resource Manager: no sockets, but everything above and below them. */
export const armTransport = (box: Box, calls: Calls, host: Process, die: Die): HttpClient => ({
  async sendRequest(request) {
    if (host.ended.aborted) return never();
    const url = new URL(request.url);
    const call = calls.count(nameOf(request.method, url.pathname));
    if (calls.kills("before", call)) {
      die();
      return never();
    }
    const reply = await host.work(() => calls.during(call, () => exchanged(box, askedOf(request, url), {})));
    if (calls.kills("behind", call)) die();
    if (host.ended.aborted) return never();
    if (!reply) throw new RestError("socket hang up", { code: "ECONNRESET", request });
    return responseOf(request, reply);
  },
});

function askedOf(request: PipelineRequest, url: URL) {
  const body: unknown = typeof request.body === "string" ? JSON.parse(request.body) : undefined;
  return { method: request.method, url, headers: request.headers.toJSON(), body };
}

function responseOf(
  request: PipelineRequest,
  { status, headers, body }: { status: number; headers: Record<string, string>; body?: unknown },
): PipelineResponse {
  const bodyAsText = body === undefined ? "" : JSON.stringify(body);
  return { request, status, headers: createHttpHeaders(headers), bodyAsText };
}

/** Changes that a host makes in a store are calls as well: it may die behind each. */
const CHANGES = new Set([
  "put",
  "delete",
  "create",
  "write",
  "clear",
  "snapshot",
  "deleteSnapshot",
  "promote",
]);

/** The store as a host reaches it. @param named what the store is called in a table of cases */
export function storeOf<Store extends object>(
  store: Store,
  named: string,
  calls: Calls,
  host: Process,
  die: Die,
): Store {
  return new Proxy(store, {
    get(target, method) {
      const found: unknown = Reflect.get(target, method, target);
      if (typeof found !== "function") return found;
      if (method === "list") return (...given: unknown[]): unknown => Reflect.apply(found, target, given);
      return async (...given: unknown[]): Promise<unknown> => {
        if (host.ended.aborted) return never();
        const changes = CHANGES.has(String(method));
        const call = changes ? calls.count(`${String(method)} ${named} ${nameIn(given)}`) : undefined;
        const answer: unknown = await Reflect.apply(found, target, given);
        if (call && calls.kills("behind", call)) die();
        return host.ended.aborted ? never() : answer;
      };
    },
  });
}

/** Kind and key of a record, names of objects; a blob's only, since fences and snapshots are drawn. */
function nameIn([first, second]: readonly unknown[]): string {
  if (Array.isArray(first)) return first.join(" ");
  const key = typeof second === "string" && !String(first).includes("/") ? ` ${second}` : "";
  return `${String(first)}${key}`;
}
