import { z } from "zod";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import { type RegisteredFunction, triggerOf } from "./core-api.ts";

/** What the function is told of the tries before: from the second one on, as `context.retryContext`. */
export interface RetryContext {
  /** 1 at the second try. */
  readonly retryCount: number;
  /** -1: without end. */
  readonly maxRetryCount: number;
  readonly exception: { readonly message: string; readonly stackTrace: string };
}

/** The `retry` option of a function, which the host carries out, not the worker. */
export interface RetryPolicy {
  readonly maxRetryCount: number;
  /** How long to wait before the n-th try after the first; n counts from 1. */
  readonly pause: (nth: number) => Millis;
}

/**
 * The retry policy of a function, when it has one.
 * Of the triggers emulated here Azure retries timers alone: https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages
 * @param random from 0 to 1
 * @throws LeewardError HostUnsupported where Azure would ignore it, InvalidSetting when its numbers are none
 */
export function retryPolicyOf(
  fn: RegisteredFunction,
  random: () => number = Math.random,
): RetryPolicy | undefined {
  const { retryOptions } = fn.metadata;
  if (!retryOptions) return undefined;
  const { type, options } = triggerOf(fn);
  if (type !== "timertrigger")
    throw new LeewardError(
      "HostUnsupported",
      `function ${fn.name} uses a retry policy, which Azure ignores for its trigger, ${options.type}${INSTEAD[type] ?? ""}`,
    );
  const parsed = Policy.safeParse(retryOptions);
  if (!parsed.success)
    throw new LeewardError(
      "InvalidSetting",
      `the retry policy of ${fn.name}: ${z.prettifyError(parsed.error)}`,
    );
  const { maxRetryCount } = parsed.data;
  if (parsed.data.retryStrategy === "fixedDelay") {
    const pause = millis(parsed.data.delayInterval * 1000);
    return { maxRetryCount, pause: () => pause };
  }
  const { minimumInterval: least, maximumInterval: most } = parsed.data;
  return { maxRetryCount, pause: (nth) => backedOff(nth, least, most, random) };
}

/** What does retry there. */
const INSTEAD: Record<string, string> = {
  queuetrigger: ": host.json's extensions.queues.maxDequeueCount says how often a message is tried",
  activitytrigger: ": callActivityWithRetry does it",
  orchestrationtrigger: ": callSubOrchestratorWithRetry does it",
};

/** Whole, as the library rounds them. */
const Duration = z.object({ seconds: z.number().min(0) }).transform(({ seconds }) => seconds);
const maxRetryCount = z.number().int().min(-1);
const Policy = z.discriminatedUnion("retryStrategy", [
  z.object({ retryStrategy: z.literal("fixedDelay"), maxRetryCount, delayInterval: Duration }),
  z
    .object({
      retryStrategy: z.literal("exponentialBackoff"),
      maxRetryCount,
      minimumInterval: Duration,
      maximumInterval: Duration,
    })
    .refine((policy) => policy.minimumInterval <= policy.maximumInterval, {
      message: "is shorter than minimumInterval",
      path: ["maximumInterval"],
    }),
]);

/** As the WebJobs SDK: the least at first, then the least and 1, 2, 4 times it, each a fifth more or less, up to the most. */
function backedOff(nth: number, least: number, most: number, random: () => number): Millis {
  if (nth === 1) return millis(least * 1000);
  const grown = least + least * 2 ** (nth - 2) * (0.8 + 0.4 * random());
  return millis(Math.round(Math.min(grown, most) * 1000));
}

export interface Retrying {
  readonly policy: RetryPolicy | undefined;
  readonly clock: Clock;
  /** Ends a pause, and with it the tries. */
  readonly signal: AbortSignal;
  /** Is told of each try that fails. */
  readonly failed: (error: unknown) => void;
}

/**
 * Tries until it succeeds or the policy ends. How often it was tried is kept in memory alone, as on Azure: a host that dies
 * forgets it.
 * @returns false when it was stopped in a pause, so that how it would have ended is not known
 */
export async function tryAgain(
  { policy, clock, signal, failed }: Retrying,
  attempt: (context: RetryContext | undefined) => Promise<unknown>,
): Promise<boolean> {
  let context: RetryContext | undefined;
  for (let nth = 1; ; nth++) {
    try {
      await attempt(context);
      return true;
    } catch (error) {
      failed(error);
      if (!policy || (policy.maxRetryCount >= 0 && nth > policy.maxRetryCount)) return true;
      context = { retryCount: nth, maxRetryCount: policy.maxRetryCount, exception: toException(error) };
      if (!(await slept(clock, policy.pause(nth), signal))) return false;
    }
  }
}

const slept = (clock: Clock, pause: Millis, signal: AbortSignal): Promise<boolean> =>
  clock.sleep(pause, signal).then(
    () => true,
    () => false,
  );

const toException = (error: unknown): RetryContext["exception"] =>
  error instanceof Error
    ? { message: error.message, stackTrace: error.stack ?? "" }
    : { message: String(error), stackTrace: "" };
