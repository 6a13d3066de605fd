import { messageOf } from "../../../engine/core/errors.ts";
import type { Failure, FailureDetails } from "./history.ts";

/**
 * What an orchestrator sees of a failed activity. With an exception-properties provider in the app the library has put
 * JSON into the message, which becomes structured details.
 */
export function activityFailure(name: string, error: unknown): Failure {
  const message = messageOf(error);
  const details = structured(message);
  return {
    Reason: `Activity function '${name}' failed: ${details?.ErrorMessage ?? message}`,
    Details: error instanceof Error ? (error.stack ?? "") : "",
    ...(details ? { FailureDetails: details } : {}),
  };
}

const LABEL = "\n\n$OutOfProcData$:";

/** The state that the library hides in the error of a failed orchestrator; undefined when the error is another one. */
export function hiddenState(error: unknown): string | undefined {
  const message = messageOf(error);
  const at = message.indexOf(LABEL);
  return at < 0 ? undefined : message.slice(at + LABEL.length);
}

/** The library asks for a newer extension where this host does not emulate something: that would lead nowhere. */
export const inOwnWords = (error: string): string =>
  error.startsWith("lock requires a Durable Functions extension")
    ? "lock is not emulated by the local Functions host: let one entity hold what must change together"
    : error;

/** For a function that does not exist, in the words of the Durable extension. */
export const unknownFunction = (name: string, kind: "orchestrator" | "activity" | "entity"): string =>
  `The function '${name}' doesn't exist, is disabled, or is not an ${kind} function.`;

function structured(message: string): FailureDetails | undefined {
  if (!message.startsWith("{")) return undefined;
  const parsed = parsedOrNothing(message);
  if (
    !isRecord(parsed) ||
    typeof parsed["errorType"] !== "string" ||
    typeof parsed["errorMessage"] !== "string"
  )
    return undefined;
  return {
    ErrorType: parsed["errorType"],
    ErrorMessage: parsed["errorMessage"],
    StackTrace: typeof parsed["stackTrace"] === "string" ? parsed["stackTrace"] : null,
    IsNonRetriable: parsed["isNonRetriable"] === true,
    Properties: parsed["properties"] ?? null,
    InnerFailure: null,
  };
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
