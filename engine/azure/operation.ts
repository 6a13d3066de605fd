import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { retryAfterIn } from "../core/retry.ts";
import { type Millis, millis } from "../core/units.ts";
import { type ArmReply, operationFailure } from "./arm-failure.ts";
import { carriesSecret, redact } from "../core/redact.ts";

/** A long-running ARM operation between two polls. Small JSON without secrets: it may live in orchestration history. */
export interface ArmOperation {
  readonly pollUrl: string;
  /** Where the outcome stands: in a status document, in the status code at a location, or in the resource itself. */
  readonly mode: "status" | "location" | "resource";
  /** Path of the resource, or of the action, that was asked for. */
  readonly resource: string;
  readonly retryAfter: Millis;
  /** Where the final GET goes, in mode `status`: the resource itself after a write, the location after an action. */
  readonly resultUrl?: string;
  /** Somebody waits for it in need: its polls go before others. */
  readonly urgent?: boolean;
}

/**
 * `body` is the operation's output in mode `status` (mostly undefined: read the resource), else what the final GET
 * answered.
 */
export type Polled =
  | { readonly done: false; readonly operation: ArmOperation }
  | { readonly done: true; readonly body: unknown };

/** What ARM itself asks for when it says nothing about when to poll. */
const DEFAULT_RETRY: Millis = millis(10_000);

const statusBody = z.object({
  status: z.string(),
  properties: z.looseObject({ output: z.unknown() }).nullish(),
});
const resourceBody = z.object({ properties: z.object({ provisioningState: z.string().optional() }) });

/** The operation that an accepted request started, or undefined when it is finished. Rules: azure-rest-api-guidelines, LRO. */
export function operationOf(
  request: { readonly method: string; readonly path: string; readonly url: string },
  reply: ArmReply,
): ArmOperation | undefined {
  const state = provisioningState(reply.body);
  const writes = request.method === "PUT" || request.method === "PATCH";
  if (reply.status === 204 || (writes && reply.status < 202 && succeeded(state))) return undefined;
  const found = whereToAsk(reply) ?? (writes && running(state) ? resourceItself(request.url) : undefined);
  if (found)
    return {
      ...checked(found, request.url),
      resource: request.path,
      retryAfter: retryAfterIn(reply.header("retry-after"), Date.now()) ?? DEFAULT_RETRY,
      ...(found.mode === "status" && resultOf(request, reply)),
    };
  if (reply.status === 202)
    throw new LeewardError("ArmFailed", `${request.method} ${request.path}: 202 without a URL to poll`);
  if (writes && state && !running(state) && !succeeded(state))
    throw operationFailure(`${request.method} ${request.path}`, state, reply);
  return undefined;
}

/** What one poll's answer (below 400) says. @throws ArmFailed with Azure's code and message when the operation failed. */
export function progressOf(operation: ArmOperation, reply: ArmReply): Polled {
  const call = `operation on ${operation.resource}`;
  if (operation.mode === "status") return statusProgress(call, operation, reply);
  if (operation.mode === "location")
    return reply.status === 202 ? again(operation, reply) : { done: true, body: reply.body };
  const state = provisioningState(reply.body) ?? "Succeeded";
  if (succeeded(state)) return { done: true, body: reply.body };
  if (running(state)) return again(operation, reply);
  throw operationFailure(call, state, reply);
}

/**
 * @throws ArmFailed for a URL outside the origin that the client is configured for, since the token would go there,
 * and for one that carries a secret, since it is stored.
 */
export function checkPollUrl(pollUrl: string, endpoint: string): string {
  const url = new URL(pollUrl, endpoint);
  if (url.origin !== new URL(endpoint).origin)
    throw new LeewardError("ArmFailed", `refused to poll ${redact(url.href)}: it is not at ${endpoint}`);
  if (carriesSecret(url))
    throw new LeewardError("ArmFailed", `refused to poll ${redact(url.href)}: it carries a secret`);
  return url.href;
}

function statusProgress(call: string, operation: ArmOperation, reply: ArmReply): Polled {
  const body = statusBody.safeParse(reply.body);
  if (!body.success) throw new LeewardError("ArmFailed", `${call}: its status document has no status`);
  const { status, properties } = body.data;
  if (succeeded(status)) return { done: true, body: properties?.output };
  if (running(status)) return again(operation, reply);
  throw operationFailure(call, status, reply);
}

function again(operation: ArmOperation, reply: ArmReply): Polled {
  const moved = operation.mode === "resource" ? undefined : whereToAsk(reply);
  const pollUrl = moved?.mode === operation.mode ? checkPollUrl(moved.pollUrl, operation.pollUrl) : undefined;
  return {
    done: false,
    operation: {
      ...operation,
      pollUrl: pollUrl ?? operation.pollUrl,
      retryAfter: retryAfterIn(reply.header("retry-after"), Date.now()) ?? operation.retryAfter,
    },
  };
}

/** Rules: Azure REST API guidelines, and `@azure/core-lro`. */
function resultOf(
  { method, url }: { readonly method: string; readonly url: string },
  reply: ArmReply,
): { resultUrl?: string } {
  if (method === "DELETE") return {};
  const location = method === "POST" ? reply.header("location") : url;
  return location ? { resultUrl: checkPollUrl(location, url) } : {};
}

type Where = Pick<ArmOperation, "pollUrl" | "mode">;

const checked = (where: Where, endpoint: string): Where => ({
  ...where,
  pollUrl: checkPollUrl(where.pollUrl, endpoint),
});

function whereToAsk(reply: ArmReply): Where | undefined {
  const status = reply.header("azure-asyncoperation");
  if (status) return { pollUrl: status, mode: "status" };
  const location = reply.status === 202 ? reply.header("location") : undefined;
  return location ? { pollUrl: location, mode: "location" } : undefined;
}

const resourceItself = (url: string): Where => ({ pollUrl: url, mode: "resource" });

function provisioningState(body: unknown): string | undefined {
  const found = resourceBody.safeParse(body);
  return found.success ? found.data.properties.provisioningState : undefined;
}

const succeeded = (state: string | undefined): boolean => state?.toLowerCase() === "succeeded";

/** ARM knows three final states; any other word means that it is still at work. */
const running = (state: string | undefined): boolean =>
  state !== undefined && !["succeeded", "failed", "canceled"].includes(state.toLowerCase());
