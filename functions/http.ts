import { inspect } from "node:util";
import { app, type HttpMethod } from "@azure/functions";
import type { HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import { type DurableClient, app as durable } from "durable-functions";
import type { z } from "zod";
import type { ArmError } from "../engine/contract/arm-error.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { redact } from "../engine/core/redact.ts";
import { type Caller, type Role, requireRole } from "./auth.ts";
import { answerOfPeer } from "./gateway.ts";
import { checkNames } from "./paths.ts";
import { limitedBody } from "./request-body.ts";
import { type Services, services } from "./services.ts";

/** One authorized call. */
export interface Call {
  readonly request: HttpRequest;
  readonly services: Services;
  readonly caller: Caller;
  /** Route parameter; the route guarantees that it is there. */
  readonly param: (name: string) => string;
  readonly context: InvocationContext;
}

export interface DurableCall extends Call {
  readonly client: DurableClient;
}

export interface Route {
  readonly method: HttpMethod;
  readonly path: string;
  readonly role: Role;
  /** ARM's paths require a version, as ARM does; our own do not. */
  readonly versioned: boolean;
}

/** All of the app's, by name, as they are registered. */
export const ROUTES = new Map<string, Route>();

/** Registers a route. What its handler throws becomes ARM's error envelope. */
export function route(name: string, route: Route, handle: (call: Call) => Promise<HttpResponseInit>): void {
  ROUTES.set(name, route);
  app.http(name, {
    ...options(route),
    handler: (request, context) =>
      answering(request, context, async () => {
        const call = await authorized(request, context, route);
        return (await answerOfPeer(call, route)) ?? handle(call);
      }),
  });
}

/** As `route`, for handlers that start or ask orchestrations. */
export function durableRoute(
  name: string,
  route: Route,
  handle: (call: DurableCall) => Promise<HttpResponseInit>,
): void {
  ROUTES.set(name, route);
  durable.client.http(name, {
    ...options(route),
    handler: (request: HttpRequest, client: DurableClient, context: InvocationContext) =>
      answering(request, context, async () => {
        const call = await authorized(request, context, route);
        return (await answerOfPeer(call, route)) ?? handle({ ...call, client });
      }),
  });
}

// The token is checked here, by role: the platform's own keys are not used.
const options = ({ method, path }: Route) => ({
  methods: [method],
  route: path,
  authLevel: "anonymous" as const,
});

async function authorized(request: HttpRequest, context: InvocationContext, route: Route): Promise<Call> {
  const found = await services();
  const caller = await found.checkToken(request.headers.get("authorization"));
  requireRole(caller, route.role);
  if (route.versioned) checkApiVersion(request);
  checkNames(request.params);
  const param = (name: string) => request.params[name] ?? "";
  return { request, services: found, caller, param, context };
}

function checkApiVersion(request: HttpRequest): void {
  const version = request.query.get("api-version");
  if (!version) throw new LeewardError("InvalidRequest", "the query parameter api-version is missing");
  if (!/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(version))
    throw new LeewardError("InvalidRequest", "the query parameter api-version is not a date");
}

/** Runs a handler, and turns what it throws into an answer. Shared by the routes that need no token. */
export async function answering(
  request: HttpRequest,
  context: InvocationContext,
  handle: () => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  const answer = await handle().catch((error: unknown) => refusal(error, context));
  return { ...answer, headers: traced(answer, request, context) };
}

function refusal(error: unknown, context: InvocationContext): HttpResponseInit {
  if (!(error instanceof LeewardError)) {
    context.error(redact(inspect(error)));
    const said = new LeewardError("Unexpected", `invocation ${context.invocationId} failed`);
    return { status: said.status, jsonBody: envelope(said) };
  }
  const headers = new Headers();
  if (error.class === "retry")
    headers.set("retry-after", String(Math.ceil((error.retryAfter ?? 5000) / 1000)));
  if (error.status === 401) headers.set("www-authenticate", "Bearer");
  return { status: error.status, jsonBody: envelope(error), headers };
}

const envelope = (error: LeewardError): ArmError => ({
  error: { code: error.code, message: messageOf(error), remedy: error.remedy, details: [] },
});

function traced(answer: HttpResponseInit, request: HttpRequest, context: InvocationContext): Headers {
  const headers = new Headers(answer.headers ?? {});
  headers.set("x-ms-request-id", context.invocationId);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  const sent = request.headers.get("x-ms-client-request-id");
  if (sent && /^[\w.-]{1,128}$/.test(sent)) headers.set("x-ms-client-request-id", sent);
  return headers;
}

/** The parsed body. @throws InvalidRequest naming every field that is wrong, or that it is too long or no JSON. */
export async function bodyOf<Schema extends z.ZodType>(
  request: HttpRequest,
  schema: Schema,
): Promise<z.output<Schema>> {
  return checkInput(schema, jsonOf(await limitedText(request)));
}

/** As `bodyOf`, for calls whose body may be left out. */
export async function bodyIfAny<Schema extends z.ZodType>(
  request: HttpRequest,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await limitedText(request);
  return checkInput(schema, text.trim() === "" ? {} : jsonOf(text));
}

/** @throws InvalidRequest naming every field that is wrong, with `at` before it. */
export function checkInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: readonly string[] = [],
): z.output<Schema> {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const said = found.error.issues.map((issue) => {
    const field = [...at, ...issue.path].join(".");
    return field ? `${field}: ${issue.message}` : issue.message;
  });
  throw new LeewardError("InvalidRequest", said.join("; "));
}

const limitedText = async (request: HttpRequest): Promise<string> =>
  (await limitedBody(request)).toString("utf8");

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LeewardError("InvalidRequest", "the body is not JSON", error);
  }
}
