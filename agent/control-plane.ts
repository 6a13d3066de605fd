import { z } from "zod";
import {
  type AgentConfig,
  type HandoverRequest,
  type HandoverResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type RegisterRequest,
  type RegisterResponse,
  handoverResponse,
  heartbeatResponse,
  registerResponse,
} from "../engine/contract/agent-api.ts";
import { LeewardError, isErrorCode, messageOf } from "../engine/core/errors.ts";
import { retryAfterIn } from "../engine/core/retry.ts";
import type { Millis } from "../engine/core/units.ts";

const TIMEOUT_MS = 30_000;

/** Gets a bearer token for an audience; renews it by itself. */
export type TokenSource = () => Promise<string>;

/** The agent's calls. All throw LeewardError: what the control plane said, or `ControlPlaneUnavailable`. */
export interface ControlPlane {
  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterResponse>;
  heartbeat(request: HeartbeatRequest, signal: AbortSignal): Promise<HeartbeatResponse>;
  /** After a failover: what is left of the old journal. */
  handOver(request: HandoverRequest, signal: AbortSignal): Promise<HandoverResponse>;
}

export function connectControlPlane({ endpoint, machine }: AgentConfig, token: TokenSource): ControlPlane {
  const base = endpoint.replace(/\/+$/, "");
  const call = async <T>(what: string, schema: z.ZodType<T>, body: unknown, signal: AbortSignal) =>
    parse(what, schema, await post(what, `${base}/agents/${machine}/${what}`, body, token, signal));
  return {
    register: (request, signal) => call("register", registerResponse, request, signal),
    heartbeat: (request, signal) => call("heartbeat", heartbeatResponse, request, signal),
    handOver: (request, signal) => call("handover", handoverResponse, request, signal),
  };
}

async function post(
  what: string,
  url: string,
  body: unknown,
  token: TokenSource,
  signal: AbortSignal,
): Promise<unknown> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${await token()}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    text = await answer.text();
  } catch (error) {
    throw unavailable(`${what}: ${reason(error)}`, error);
  }
  if (answer.status !== 200)
    throw refused(what, answer.status, text, retryAfterIn(answer.headers.get("retry-after"), Date.now()));
  return json(text);
}

/** `fetch` says only that it failed; why is in the cause. */
const reason = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined
    ? `${error.message}: ${messageOf(error.cause)}`
    : messageOf(error);

const envelope = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** The control plane's own words where it has any, and how long it, or what stands before it, asks to be left alone. */
function refused(what: string, status: number, text: string, wait: Millis | undefined): LeewardError {
  const { success, data } = envelope.safeParse(json(text));
  if (!success) return unavailable(`${what}: HTTP status ${status}`, undefined, wait);
  const { code, message } = data.error;
  if (isErrorCode(code)) return new LeewardError(code, message, undefined, wait);
  return unavailable(`${what}: HTTP status ${status}, ${code}: ${message}`, undefined, wait);
}

/** What was said is left out of the message: an answer holds secrets. */
function parse<T>(what: string, schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const where = error.issues.map(({ path }) => path.join(".") || "the whole body").join(", ");
  throw unavailable(`${what}: the answer is not understood: ${where}`);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const unavailable = (message: string, cause?: unknown, wait?: Millis): LeewardError =>
  new LeewardError("ControlPlaneUnavailable", message, cause, wait);
