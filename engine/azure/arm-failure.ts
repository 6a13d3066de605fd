import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { redact } from "../core/redact.ts";
import { retryAfterIn } from "../core/retry.ts";

/** One HTTP answer of ARM, its JSON parsed. */
export interface ArmReply {
  readonly status: number;
  readonly body: unknown;
  header(name: string): string | undefined;
}

const armError = z.object({
  code: z.string().default("Unknown"),
  message: z.string().default(""),
  details: z.array(z.looseObject({ code: z.string().optional(), message: z.string().optional() })).optional(),
});
const envelope = z.object({ error: armError });

/** Conflicts that pass by themselves: another call on the same resource is not finished yet. */
const PASSING_CONFLICTS = new Set([
  "AnotherOperationInProgress",
  "RetryableErrorDueToAnotherOperation",
  "StorageAccountOperationInProgress",
]);

/**
 * The error for an answer of 400 or more: `ArmUnavailable` where doing it again helps (412: someone made it at the same
 * moment, so the next try finds it) with the wait that ARM asks for, else `ArmFailed`.
 */
export function refusal(call: string, reply: ArmReply): LeewardError {
  const { code, text } = said(reply.body);
  const passes =
    [408, 412, 429].includes(reply.status) ||
    reply.status >= 500 ||
    (reply.status === 409 && PASSING_CONFLICTS.has(code));
  const words = `${call}: ${reply.status} ${text}${requestId(reply)}`;
  if (!passes) return new LeewardError("ArmFailed", words);
  const wait = retryAfterIn(reply.header("retry-after"), Date.now());
  return new LeewardError("ArmUnavailable", words, undefined, wait);
}

/** The error for an operation that ended badly: its answer is a 200 with the reason inside. */
export function operationFailure(call: string, status: string, reply: ArmReply): LeewardError {
  return new LeewardError("ArmFailed", `${call}: ${status}: ${said(reply.body).text}${requestId(reply)}`);
}

/** For connections that broke, timed out or got no token. */
export const unreachable = (call: string, cause: unknown): LeewardError =>
  new LeewardError("ArmUnavailable", `${call}: no answer: ${reason(cause)}`);

/** Parses an answer. @throws ArmFailed naming the first field that is not as published. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new LeewardError(
    "ArmFailed",
    `${what}: unexpected answer at ${issue?.path.join(".") || "its root"}: ${issue?.message ?? "invalid"}`,
  );
}

function said(body: unknown): { code: string; text: string } {
  const found = envelope.safeParse(body);
  if (!found.success) return { code: "", text: typeof body === "string" ? redact(body).slice(0, 300) : "" };
  const { code, message, details } = found.data.error;
  const more = details?.map((detail) => `${detail.code ?? ""} ${detail.message ?? ""}`.trim()).join("; ");
  return { code, text: redact(`${code}: ${message}${more ? ` (${more})` : ""}`).slice(0, 2000) };
}

function requestId(reply: ArmReply): string {
  const id = reply.header("x-ms-request-id");
  return id ? ` (request ${id})` : "";
}

/** The cause itself is left out of the error: it holds the request with its token. */
const reason = (cause: unknown): string => (cause instanceof Error ? `${cause.name}: ${cause.message}` : "");
