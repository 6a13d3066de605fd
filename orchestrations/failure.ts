import { CATALOGUE, type ErrorCode, LeewardError, messageOf } from "../engine/core/errors.ts";

const isCode = (text: string): text is ErrorCode => Object.hasOwn(CATALOGUE, text);

/**
 * An error as one line, `[Code] message`: the only form that comes whole through the durable boundary, which keeps
 * nothing of an error but its text.
 */
export function encodeFailure(error: unknown): string {
  const code: ErrorCode = error instanceof LeewardError ? error.code : "Unexpected";
  return `[${code}] ${messageOf(error).replaceAll(/\s*\n\s*/g, " ")}`;
}

/**
 * The inverse of `encodeFailure` for whatever the durable library hands to an orchestrator: the host puts words of its
 * own before the line and a stack after it. Text without a known code is `Unexpected`.
 */
export function decodeFailure(error: unknown): LeewardError {
  if (error instanceof LeewardError) return error;
  const text = messageOf(error);
  for (const found of text.matchAll(/\[([A-Z][A-Za-z]+)\] ([^\n]*)/g)) {
    const [, code = "", message = ""] = found;
    if (isCode(code)) return new LeewardError(code, message.trimEnd());
  }
  return new LeewardError("Unexpected", text.split("\n", 1)[0] ?? text);
}
