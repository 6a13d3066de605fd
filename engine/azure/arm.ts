import type { HttpMethods } from "@azure/core-rest-pipeline";
import { millis } from "../core/units.ts";
import { apiVersionOf } from "./api-versions.ts";
import { refusal } from "./arm-failure.ts";
import { type AzureHttpSettings, azureHttp, httpsOrigin } from "./azure-http.ts";
import { type ArmOperation, type Polled, checkPollUrl, operationOf, progressOf } from "./operation.ts";

export interface ArmSettings extends AzureHttpSettings {
  /** https origin of Azure Resource Manager, e.g. `https://management.azure.com`. */
  readonly endpoint: string;
  /** Audience of its tokens; mostly equal to the endpoint. */
  readonly audience: string;
}

export interface ArmAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Set when the call was accepted and is not finished. */
  readonly operation?: ArmOperation;
}

interface ArmOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Only if nothing is there: ARM answers 412 otherwise. */
  readonly onlyIfAbsent?: boolean;
}

/**
 * Azure Resource Manager, one request per call: no hidden retries and no waiting, both belong to durable timers.
 * Paths start with `/subscriptions/`; the api-version comes from the table of `api-versions.ts`.
 *
 * All methods throw `ArmUnavailable` (429, 5xx, a call still running on the same resource, no connection, no token) and
 * `ArmFailed` (everything else) with Azure's own code and message; no secret is in any of them.
 */
export interface ArmClient {
  readonly endpoint: string;
  get(path: string, options?: ArmOptions): Promise<ArmAnswer>;
  /** The body, or undefined when ARM says 404. */
  find(path: string, options?: ArmOptions): Promise<unknown>;
  put(path: string, body: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  patch(path: string, body: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  post(path: string, body?: unknown, options?: ArmOptions): Promise<ArmAnswer>;
  /** What is gone already (404) counts as deleted. */
  delete(path: string, options?: ArmOptions): Promise<ArmAnswer>;
  /** One GET. @throws ArmFailed when the operation failed, or when its URL leaves the configured origin. */
  poll(operation: ArmOperation): Promise<Polled>;
  /** Waits for a resource that someone is making already, by its provisioningState. Sends nothing. */
  watch(path: string): ArmOperation;
}

/** @throws InvalidSetting when the endpoint is not https: tokens never travel in the clear. */
export function armClient(settings: ArmSettings): ArmClient {
  const endpoint = httpsOrigin(settings.endpoint, "the ARM endpoint");
  const send = azureHttp(settings, settings.audience);

  async function ask(method: HttpMethods, path: string, body: unknown, options: ArmOptions = {}) {
    const call = {
      method,
      path,
      url: urlOf(endpoint, path, options),
      body,
      onlyIfAbsent: options.onlyIfAbsent,
    };
    return { call, reply: await send(call) };
  }
  async function answer(method: HttpMethods, path: string, body: unknown, options?: ArmOptions) {
    const { call, reply } = await ask(method, path, body, options);
    if (method === "DELETE" && reply.status === 404) return { status: 404, body: undefined };
    if (reply.status >= 300) throw refusal(`${method} ${path}`, reply);
    const operation = method === "GET" ? undefined : operationOf(call, reply);
    return { status: reply.status, body: reply.body, ...(operation && { operation }) };
  }

  return {
    endpoint,
    get: (path, options) => answer("GET", path, undefined, options),
    put: (path, body, options) => answer("PUT", path, body, options),
    patch: (path, body, options) => answer("PATCH", path, body, options),
    post: (path, body, options) => answer("POST", path, body, options),
    delete: (path, options) => answer("DELETE", path, undefined, options),
    async find(path, options) {
      const { reply } = await ask("GET", path, undefined, options);
      if (reply.status === 404) return undefined;
      if (reply.status >= 300) throw refusal(`GET ${path}`, reply);
      return reply.body;
    },
    async poll(operation) {
      const url = checkPollUrl(operation.pollUrl, endpoint);
      const reply = await send({ method: "GET", path: operation.resource, url });
      if (reply.status >= 300) throw refusal(`operation on ${operation.resource}`, reply);
      return progressOf(operation, reply);
    },
    watch: (path) => ({
      pollUrl: urlOf(endpoint, path, {}),
      mode: "resource",
      resource: path,
      retryAfter: millis(2000),
    }),
  };
}

function urlOf(endpoint: string, path: string, options: ArmOptions): string {
  const url = new URL(path, endpoint);
  if (url.origin !== endpoint || !path.startsWith("/"))
    throw new RangeError(`not an ARM path: ${JSON.stringify(path.slice(0, 200))}`);
  url.searchParams.set("api-version", apiVersionOf(url.pathname));
  for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
  return url.href;
}
