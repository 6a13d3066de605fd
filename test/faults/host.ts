import {
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
  createHttpHeaders,
} from "@azure/core-rest-pipeline";
import type { Box } from "../../local/arm/box.ts";
import { exchanged } from "../../local/arm/respond.ts";
import { type Call, type Calls, nameOf, steadyName } from "./calls.ts";
import type { Process } from "./clock.ts";

/** For who is dead. */
export const never = <Result>(): Promise<Result> => new Promise(() => undefined);

/** What a host is told when its death was asked for. */
export type Die = () => void;

/** A host's way to Resource Manager: no sockets, but everything above and below them. */
export const armTransport = (box: Box, calls: Calls, host: Process, die: Die): HttpClient => ({
  async sendRequest(request) {
    if (host.ended.aborted) return never();
    const url = new URL(request.url);
    const call = calls.count(nameOf(request.method, url.pathname), "arm");
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

/** What a host asks of a store is a call as well: it may die behind each. */
const CHANGES = new Set([
  "put",
  "delete",
  "create",
  "write",
  "clear",
  "snapshot",
  "deleteSnapshot",
  "promote",
  "takeFence",
  "releaseFence",
]);

/** The store as a host reaches it. @param named what the store is called in a table of cases */
export function storeOf<Store extends object>(
  store: Store,
  named: string,
  calls: Calls,
  host: Process,
  die: Die,
): Store {
  const countedFor = (method: string, given: readonly unknown[]) =>
    calls.count(steadyName(`${method} ${named} ${nameIn(given)}`), CHANGES.has(method) ? "change" : "read");
  return new Proxy(store, {
    get(target, method) {
      const found: unknown = Reflect.get(target, method, target);
      if (typeof found !== "function") return found;
      if (method === "list")
        return (...given: unknown[]): unknown => {
          const listing = () => Reflect.apply(found, target, given);
          return listed(listing, () => countedFor("list", given));
        };
      return (...given: unknown[]): Promise<unknown> => {
        if (host.ended.aborted) return never();
        const call = countedFor(String(method), given);
        return answered(
          () => Reflect.apply(found, target, given),
          host,
          () => {
            if (calls.kills("behind", call)) die();
          },
        );
      };
    },
  });

  /** One call, however many answers it takes. */
  async function* listed(listing: () => AsyncIterable<unknown>, count: () => Call): AsyncGenerator<unknown> {
    if (host.ended.aborted) await never();
    const call = count();
    await answered(
      () => undefined,
      host,
      () => {
        if (calls.kills("behind", call)) die();
      },
    );
    for await (const one of listing()) yield host.ended.aborted ? await never() : one;
  }
}

/** What comes of it, or why nothing does, as long as the host lives behind it. */
export async function answered<Answer>(
  ask: () => Answer | Promise<Answer>,
  host: Process,
  behind: () => void,
): Promise<Answer> {
  const [outcome] = await Promise.allSettled([Promise.resolve().then(ask)]);
  behind();
  if (host.ended.aborted) return never();
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

/** Kind and key of a record, names of objects; a blob's only, since fences and snapshots are drawn. */
function nameIn([first, second]: readonly unknown[]): string {
  if (Array.isArray(first)) return first.join(" ");
  const key = typeof second === "string" && !String(first).includes("/") ? ` ${second}` : "";
  return `${String(first)}${key}`;
}
