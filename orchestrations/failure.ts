import { CATALOGUE, type ErrorCode, LeewardError, messageOf } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";

const isCode = (text: string): text is ErrorCode => Object.hasOwn(CATALOGUE, text);

/**
 * An error as one line, `[Code] message` or `[Code after 5000 ms] message` where the other side asked for so long a wait:
 * the only form that comes whole through the durable boundary, which keeps nothing of an error but its text.
 */
export function encodeFailure(error: unknown): string {
  const { code, retryAfter }: { code: ErrorCode; retryAfter?: number | undefined } =
    error instanceof LeewardError ? error : { code: "Unexpected" };
  const wait = retryAfter === undefined ? "" : ` after ${retryAfter} ms`;
  return `[${code}${wait}] ${messageOf(error).replaceAll(/\s*\n\s*/g, " ")}`;
}

/**
 * The inverse of `encodeFailure` for whatever the durable library hands to an orchestrator: the host puts words of its
 * own before the line and a stack after it. Text without a known code is `Unexpected`.
 */
export function decodeFailure(error: unknown): LeewardError {
  if (error instanceof LeewardError) return error;
  const text = messageOf(error);
  for (const found of text.matchAll(/\[([A-Z][A-Za-z]+)(?: after (\d{1,9}) ms)?\] ([^\n]*)/g)) {
    const [, code = "", wait, message = ""] = found;
    if (isCode(code))
      return new LeewardError(code, message.trimEnd(), undefined, wait ? millis(Number(wait)) : undefined);
  }
  return new LeewardError("Unexpected", text.split("\n", 1)[0] ?? text);
}
