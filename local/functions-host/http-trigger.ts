import { LeewardError } from "../../engine/core/errors.ts";
import { type RegisteredFunction, triggerOf } from "./core-api.ts";
import type { Invoker } from "./invocation.ts";
import { type Keys, opens } from "./keys.ts";
import { type Request, type Response, textResponse } from "./listener.ts";
import { compareRoutes, compileRoute, type Route, splitPath } from "./routes.ts";
import { bodyBytes, type HttpCookie, type TypedData } from "./typed-data.ts";

interface Endpoint {
  readonly fn: RegisteredFunction;
  readonly route: Route;
  readonly methods: ReadonlySet<string>;
  readonly level: string;
}

export interface HttpContext {
  readonly invoker: Invoker;
  readonly keys: Keys;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly failed: (fn: RegisteredFunction, error: unknown) => void;
}

/** The HTTP functions of an app, found by method and route. */
export class HttpTriggers {
  readonly #endpoints: Endpoint[] = [];
  readonly #prefix: string;
  readonly #context: HttpContext;

  constructor(prefix: string, context: HttpContext) {
    this.#prefix = prefix;
    this.#context = context;
  }

  /** @throws LeewardError HostUnsupported for a route that this host does not emulate */
  register(fn: RegisteredFunction): void {
    const { options } = triggerOf(fn);
    const own = typeof options["route"] === "string" ? options["route"] : fn.name;
    const template = [this.#prefix, own].filter((part) => part !== "").join("/");
    if (/^(?:admin|runtime)(?:\/|$)/i.test(template))
      throw new LeewardError(
        "HostUnsupported",
        `route "${template}" of ${fn.name} belongs to the host itself`,
      );
    const methods = Array.isArray(options["methods"]) ? options["methods"].map(String) : ["GET", "POST"];
    this.#endpoints.push({
      fn,
      route: compileRoute(template),
      methods: new Set(methods.map((method) => method.toUpperCase())),
      level: typeof options["authLevel"] === "string" ? options["authLevel"].toLowerCase() : "anonymous",
    });
    this.#endpoints.sort((a, b) => compareRoutes(a.route, b.route));
  }

  /** A method that no function takes answers 404, as the real host does. */
  async handle(request: Request): Promise<Response> {
    const found = this.#find(request);
    if (!found) return { status: 404 };
    if (found === "malformed") return textResponse(400, "the path has a broken escape");
    const { endpoint, params } = found;
    if (!this.#mayCall(endpoint.level, request)) return { status: 401 };
    return this.#call(endpoint.fn, request, params);
  }

  #find(request: Request): { endpoint: Endpoint; params: Record<string, string> } | "malformed" | undefined {
    const segments = splitPath(request.path);
    try {
      for (const endpoint of this.#endpoints) {
        const params = endpoint.methods.has(request.method) && endpoint.route.match(segments);
        if (params) return { endpoint, params };
      }
      return undefined;
    } catch (error) {
      if (error instanceof URIError) return "malformed";
      throw error;
    }
  }

  #mayCall(level: string, request: Request): boolean {
    const { keys } = this.#context;
    if (level === "anonymous") return true;
    const given = keyOf(request);
    return level === "function" ? opens(given, keys.function, keys.master) : opens(given, keys.master);
  }

  async #call(fn: RegisteredFunction, request: Request, params: Record<string, string>): Promise<Response> {
    try {
      const inputs = { [triggerOf(fn).name]: toTypedData(request, params), ...this.#context.inputs(fn) };
      const response = await this.#context.invoker.invoke(fn, { inputs });
      return toResponse(response.returnValue);
    } catch (error) {
      this.#context.failed(fn, error);
      return { status: 500 };
    }
  }
}

/** The key that the caller sent, in either place that Azure Functions looks at. */
export const keyOf = (request: Request): string | undefined =>
  request.headers["x-functions-key"] ?? request.url.searchParams.get("code") ?? undefined;

function toTypedData(request: Request, params: Record<string, string>): TypedData {
  return {
    http: {
      method: request.method,
      url: request.url.href,
      nullableHeaders: nullable(request.headers),
      nullableQuery: nullable(queryOf(request.url)),
      nullableParams: nullable(params),
      ...(request.body.length > 0 ? { body: { bytes: request.body } } : {}),
    },
  };
}

const nullable = (values: Readonly<Record<string, string>>): Record<string, { value: string }> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));

/** As the real host passes it: names compare case-insensitively, repeated ones are joined by a comma. */
function queryOf(url: URL): Record<string, string> {
  const values = new Map<string, { name: string; all: string[] }>();
  for (const [name, value] of url.searchParams) {
    const found = values.get(name.toLowerCase());
    if (found) found.all.push(value);
    else values.set(name.toLowerCase(), { name, all: [value] });
  }
  return Object.fromEntries([...values.values()].map(({ name, all }) => [name, all.join(",")]));
}

function toResponse(returned: TypedData | null | undefined): Response {
  const http = returned?.http;
  if (!http) return { status: 204 };
  const cookies = (http.cookies ?? []).map(cookieText);
  return {
    status: Number(http.statusCode ?? 200),
    headers: { ...http.headers, ...(cookies.length > 0 ? { "set-cookie": cookies } : {}) },
    body: bodyBytes(http.body),
  };
}

function cookieText(cookie: HttpCookie): string {
  const seconds = cookie.expires?.value?.seconds;
  const age = cookie.maxAge?.value;
  const parts = [
    `${cookie.name ?? ""}=${encodeURIComponent(cookie.value ?? "")}`,
    cookie.domain?.value ? `Domain=${cookie.domain.value}` : "",
    cookie.path?.value ? `Path=${cookie.path.value}` : "",
    seconds ? `Expires=${new Date(Number(seconds) * 1000).toUTCString()}` : "",
    typeof age === "number" ? `Max-Age=${age}` : "",
    cookie.secure?.value ? "Secure" : "",
    cookie.httpOnly?.value ? "HttpOnly" : "",
    sameSiteText(cookie.sameSite),
  ];
  return parts.filter((part) => part !== "").join("; ");
}

const SAME_SITE: Record<string, string> = {
  lax: "SameSite=Lax",
  strict: "SameSite=Strict",
  explicitNone: "SameSite=None",
};

const sameSiteText = (value: HttpCookie["sameSite"]): string => SAME_SITE[String(value)] ?? "";
