import type { HttpMethods } from "@azure/core-rest-pipeline";
import { z } from "zod";
import { type Clock, systemClock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import { redact } from "../core/redact.ts";
import { millis } from "../core/units.ts";
import { apiVersionOf } from "./api-versions.ts";
import { type ArmReply, parsed, refusal } from "./arm-failure.ts";
import { type AzureCall, type AzureHttpSettings, azureHttp, httpsOrigin } from "./azure-http.ts";
import { armBudget } from "./budget.ts";
import { type ArmOperation, type Polled, checkPollUrl, operationOf, progressOf } from "./operation.ts";

export interface ArmSettings extends AzureHttpSettings {
  /** https origin of Azure Resource Manager, e.g. `https://management.azure.com`. */
  readonly endpoint: string;
  /** Audience of its tokens; mostly equal to the endpoint. */
  readonly audience: string;
  readonly clock?: Clock;
}

export interface ArmAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Of the resource, for `ifMatch`; few types have one. */
  readonly etag?: string;
  /** Set when the call was accepted and is not finished. */
  readonly operation?: ArmOperation;
}

interface ArmOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Only if nothing is there: ARM answers 412 otherwise. */
  readonly onlyIfAbsent?: boolean;
  /** Only if the resource still has this ETag: ARM answers 412 otherwise. */
  readonly ifMatch?: string;
}

/**
 * Azure Resource Manager, one request per call: no hidden retries, and no waiting beyond a few seconds for the budget that
 * all calls of this client share (`budget.ts`); both belong to durable timers.
 * Paths start with `/subscriptions/`; the api-version comes from the table of `api-versions.ts`.
 *
 * All methods throw `ArmUnavailable` (429, 5xx, 412, a call still running on the same resource, no connection, no token, no
 * budget; with Azure's own `Retry-After`) and `ArmFailed` (everything else) with Azure's own code and message; no secret is
 * in any of them.
 */
export interface ArmClient {
  readonly endpoint: string;
  /** The same client for what somebody waits for in need: its calls, and polls of what they began, go before others. */
  readonly urgent: ArmClient;
  get(path: string, options?: ArmOptions): Promise<ArmAnswer>;
  /** The body, or undefined when ARM says 404. */
  find(path: string, options?: ArmOptions): Promise<unknown>;
  /** Everything in a collection, page by page. @throws ArmFailed when a page leads to another origin, or in a circle. */
  list(path: string, options?: ArmOptions): AsyncGenerator<unknown, void, void>;
  put(path: string, body: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  patch(path: string, body: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  post(path: string, body?: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  /** What is gone already (404) counts as deleted. */
  delete(path: string, options?: ArmOptions): Promise<ArmAnswer>;
  /** One GET. @throws ArmFailed when the operation failed, or when its URL leaves the configured origin. */
  poll(operation: ArmOperation): Promise<Polled>;
  /**
   * The final GET, after an operation has ended: the resource that a PUT made, or what an action answers at its location;
   * undefined after a DELETE.
   */
  result(operation: ArmOperation): Promise<unknown>;
  /** Waits for a resource that someone is making already, by its provisioningState. Sends nothing. */
  watch(path: string): ArmOperation;
}

type Send = (
  call: AzureCall,
  how?: { readonly poll?: boolean; readonly urgent?: boolean },
) => Promise<ArmReply>;

/** @throws InvalidSetting when the endpoint is not https: tokens never travel in the clear. */
export function armClient(settings: ArmSettings): ArmClient {
  const endpoint = httpsOrigin(settings.endpoint, "the ARM endpoint");
  const budget = armBudget(settings.clock ?? systemClock);
  const http = azureHttp(settings, settings.audience);

  const send: Send = async (call, { poll = false, urgent = false } = {}) => {
    const counted = { method: call.method, path: call.path, poll, ...regionOf(call.body) };
    await budget.admit(counted, urgent);
    const reply = await http(call);
    budget.learn(counted, reply);
    return reply;
  };
  return client(endpoint, send, false);
}

function client(endpoint: string, send: Send, urgent: boolean): ArmClient {
  function callOf(method: HttpMethods, path: string, body: unknown, options: ArmOptions = {}): AzureCall {
    const { onlyIfAbsent, ifMatch } = options;
    return { method, path, url: urlOf(endpoint, path, options), body, onlyIfAbsent, ifMatch };
  }
  async function answer(method: HttpMethods, path: string, body: unknown, options?: ArmOptions) {
    const call = callOf(method, path, body, options);
    const reply = await send(call, { urgent });
    if (method === "DELETE" && reply.status === 404) return { status: 404, body: undefined };
    if (reply.status >= 300) throw refusal(`${method} ${path}`, reply);
    const found = method === "GET" ? undefined : operationOf(call, reply);
    const operation = found && (urgent ? { ...found, urgent } : found);
    const etag = etagOf(reply);
    return { status: reply.status, body: reply.body, ...(etag && { etag }), ...(operation && { operation }) };
  }
  /** One GET at a URL that Azure gave; the path stands for it in messages and in the budget. */
  async function follow(url: string, path: string, how: Parameters<Send>[1]) {
    const reply = await send({ method: "GET", path, url }, how);
    if (reply.status >= 300) throw refusal(`GET for ${path}`, reply);
    return reply;
  }

  const self: ArmClient = {
    endpoint,
    get urgent() {
      return urgent ? self : client(endpoint, send, true);
    },
    get: (path, options) => answer("GET", path, undefined, options),
    put: (path, body, options) => answer("PUT", path, body, options),
    patch: (path, body, options) => answer("PATCH", path, body, options),
    post: (path, body, options) => answer("POST", path, body, options),
    delete: (path, options) => answer("DELETE", path, undefined, options),
    async find(path, options) {
      const reply = await send(callOf("GET", path, undefined, options), { urgent });
      if (reply.status === 404) return undefined;
      if (reply.status >= 300) throw refusal(`GET ${path}`, reply);
      return reply.body;
    },
    async *list(path, options = {}) {
      const seen = new Set<string>();
      for (let url: string | undefined = urlOf(endpoint, path, options); url !== undefined;) {
        seen.add(url);
        const { body }: ArmReply = await follow(url, path, { urgent });
        const { value, nextLink }: z.output<typeof page> = parsed(page, body, path);
        yield* value;
        url = nextLink ? nextPage(nextLink, endpoint, path, seen) : undefined;
      }
    },
    async poll(operation) {
      const url = checkPollUrl(operation.pollUrl, endpoint);
      const poll = operation.mode !== "resource";
      const how = { poll, urgent: urgent || operation.urgent === true };
      const reply = await follow(url, operation.resource, how);
      return progressOf(operation, reply);
    },
    async result(operation) {
      if (operation.resultUrl === undefined) return undefined;
      const url = checkPollUrl(operation.resultUrl, endpoint);
      const how = { urgent: urgent || operation.urgent === true };
      return (await follow(url, operation.resource, how)).body;
    },
    watch: (path) => ({
      pollUrl: urlOf(endpoint, path, {}),
      mode: "resource",
      resource: path,
      retryAfter: millis(2000),
      ...(urgent && { urgent }),
    }),
  };
  return self;
}

function urlOf(endpoint: string, path: string, options: ArmOptions): string {
  const url = new URL(path, endpoint);
  if (url.origin !== endpoint || !path.startsWith("/"))
    throw new RangeError(`not an ARM path: ${JSON.stringify(path.slice(0, 200))}`);
  url.searchParams.set("api-version", apiVersionOf(url.pathname));
  for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
  return url.href;
}

const page = z.object({ value: z.array(z.unknown()), nextLink: z.string().nullish() });

/** The token goes along with it. */
function nextPage(link: string, endpoint: string, path: string, seen: ReadonlySet<string>): string {
  const url = URL.parse(link, endpoint);
  if (url?.origin !== endpoint)
    throw new LeewardError(
      "ArmFailed",
      `GET ${path}: refused to follow ${redact(link)}: it is not at ${endpoint}`,
    );
  if (seen.has(url.href)) throw new LeewardError("ArmFailed", `GET ${path}: its pages lead in a circle`);
  return url.href;
}

const located = z.object({ location: z.string() });

/** Only a body says where a call belongs, and only where something is made. */
function regionOf(body: unknown): { region?: string } {
  const found = located.safeParse(body);
  return found.success ? { region: found.data.location } : {};
}

const tagged = z.object({ etag: z.string() });

/** In a header or in the body, as the type has it. */
function etagOf(reply: ArmReply): string | undefined {
  const found = tagged.safeParse(reply.body);
  return reply.header("etag") ?? (found.success ? found.data.etag : undefined);
}
