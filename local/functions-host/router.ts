import type { HttpTriggers } from "./http-trigger.ts";
import { keyOf } from "./http-trigger.ts";
import type { Inspector } from "./inspector.ts";
import { type Keys, opens } from "./keys.ts";
import { type Request, type Response, textResponse } from "./listener.ts";
import type { ManagementApi } from "./management-api.ts";
import type { TimerTrigger } from "./timer-trigger.ts";

const WEBHOOK = "/runtime/webhooks/durabletask/";
const RPC = "/durabletask/";
const ADMIN = "/admin/functions/";
const INSPECTOR = "/admin/durable";

export interface RouterParts {
  readonly api: ManagementApi;
  readonly http: HttpTriggers;
  /** The page on which orchestrations are looked at. */
  readonly inspector: Inspector;
  /** By the function's name in lower case. */
  readonly timers: ReadonlyMap<string, TimerTrigger>;
  readonly keys: Keys;
}

/** Who answers a request: the app's functions, or the parts of the host that share their port. */
export class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** The public listener. */
  async handle(request: Request): Promise<Response> {
    const { keys, api, http, inspector } = this.#parts;
    const path = request.path.toLowerCase();
    if (path.startsWith(WEBHOOK)) {
      if (!opens(keyOf(request), keys.durable, keys.master)) return { status: 401 };
      return decoding(() => api.handle(request, request.path.slice(WEBHOOK.length)));
    }
    if (path.startsWith(ADMIN)) {
      if (!opens(keyOf(request), keys.master)) return { status: 401 };
      return this.#fire(request, path.slice(ADMIN.length));
    }
    if (path === INSPECTOR || path.startsWith(`${INSPECTOR}/`))
      return decoding(() => inspector.handle(request, request.path.slice(INSPECTOR.length)));
    return http.handle(request);
  }

  /** The listener of the app's own durable client. */
  async rpc(request: Request): Promise<Response> {
    if (!request.path.startsWith(RPC)) return { status: 404 };
    return decoding(() => this.#parts.api.handle(request, request.path.slice(RPC.length)));
  }

  /** Runs a timer function once by hand. */
  #fire(request: Request, name: string): Response {
    const timer = this.#parts.timers.get(name);
    if (!timer || request.method !== "POST") return { status: 404 };
    void timer.fire(false);
    return { status: 202 };
  }
}

async function decoding(answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof URIError) return textResponse(400, "the path has a broken escape");
    throw error;
  }
}
