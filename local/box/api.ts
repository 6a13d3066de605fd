import { randomUUID } from "node:crypto";
import { z } from "zod";

/** A client of the control plane's HTTP API, as a portal or a script would be; trusts the box's CA process-wide. */
export interface Api {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** Sends a write that runs long and returns its operation. */
  start(method: "PUT" | "POST" | "DELETE", path: string, body: unknown): Promise<Operation>;
  /** The state of an operation, now. */
  state(operation: Operation): Promise<OperationState>;
}

export interface Operation {
  readonly url: string;
  readonly id: string;
}

const operationState = z.object({
  status: z.string(),
  error: z.object({ code: z.string(), message: z.string() }).nullish(),
});
type OperationState = z.infer<typeof operationState>;

const API_VERSION = "2025-08-01";
/** While the host is being killed and started again, calls are refused for a while; a client of Azure retries too. */
const PATIENCE_MILLIS = 30_000;
const PAUSE_MILLIS = 200;

export function apiAt(endpoint: string, token: () => string): Api {
  const url = (path: string) => {
    const full = new URL(path, endpoint);
    if (!full.searchParams.has("api-version")) full.searchParams.set("api-version", API_VERSION);
    return full;
  };
  const send = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const headers: Record<string, string> = {
      authorization: `Bearer ${token()}`,
      "x-ms-client-request-id": randomUUID(),
    };
    if (body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = JSON.stringify(body);
    return patiently(() => fetch(url(path), { ...init, signal: AbortSignal.timeout(20_000) }));
  };
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const response = await send("GET", path);
    if (!response.ok) throw new Error(await describe(response, "GET", path));
    return schema.parse(await response.json());
  };
  return {
    get,
    async start(method, path, body) {
      const response = await send(method, path, body);
      const operation = response.headers.get("azure-asyncoperation");
      if (!response.ok || !operation) throw new Error(await describe(response, method, path));
      return { url: operation, id: new URL(operation).pathname.split("/").at(-1) ?? "" };
    },
    state: (operation) => get(operation.url, operationState),
  };
}

/** Repeats the same request, with the same request id, while the host does not answer or says that it is starting. */
async function patiently(send: () => Promise<Response>): Promise<Response> {
  const until = performance.now() + PATIENCE_MILLIS;
  for (;;) {
    try {
      const response = await send();
      if (response.status < 500 || performance.now() > until) return response;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLIS));
  }
}

async function describe(response: Response, method: string, path: string): Promise<string> {
  const text = await response.text();
  const error = z
    .object({ error: z.object({ code: z.string(), message: z.string() }) })
    .safeParse(safeJson(text));
  const why = error.success ? `${error.data.error.code}: ${error.data.error.message}` : text.slice(0, 300);
  return `${method} ${path} answered ${response.status}: ${why}`;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
