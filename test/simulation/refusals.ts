import { LeewardError } from "../../engine/core/errors.ts";
import { millis } from "../../engine/core/units.ts";
import type { Dice } from "./dice.ts";
import type { Call } from "./scheduler.ts";
import { nameOf } from "./stores.ts";

/** What a storage says, or does not say, when it could not, or will not say that it could. */
const STATUSES = ["500", "503", "no answer"] as const;
/** Throttled: surely nothing was done, and the caller is to wait. */
const THROTTLED = "429";
const MOST_SECONDS = 10;

export interface Refusal {
  /** For the trace, and to be counted by. */
  readonly name: string;
  readonly error: LeewardError;
}

/** Nothing was done. */
export function refusalBefore(call: Call, dice: Dice): Refusal {
  const status = dice.pick([...STATUSES, THROTTLED]) ?? THROTTLED;
  const wait = status === THROTTLED ? 1 + dice.below(MOST_SECONDS) : undefined;
  const asked = wait === undefined ? "" : ` Retry-After ${wait}`;
  return { name: `${status}${asked && " with Retry-After"}`, error: unavailable(call, status + asked, wait) };
}

/** It was done all the same. */
export function refusalAfter(call: Call, dice: Dice): Refusal {
  const status = dice.pick(STATUSES) ?? "no answer";
  return { name: `${status} after success`, error: unavailable(call, status) };
}

/** Nobody waits any longer. */
export const timedOut = (call: Call): LeewardError => unavailable(call, "no answer in time");

/** The client's own retry, behind a first try whose answer was lost, is told that someone was faster. */
export function echo(call: Call): Refusal {
  const exists = call.args.includes("absent");
  return {
    name: `${exists ? "409" : "412"} over its own first try`,
    error: new LeewardError(
      exists ? "ObjectExists" : "ObjectChanged",
      `${call.store}.${call.method} ${nameOf(call)}: met its own first try`,
    ),
  };
}

function unavailable(call: Call, why: string, seconds?: number): LeewardError {
  const code = call.store === "net" ? "ControlPlaneUnavailable" : "StorageUnavailable";
  const message = `${call.store}.${call.method} ${nameOf(call)}: ${why}`;
  return new LeewardError(
    code,
    message,
    undefined,
    seconds === undefined ? undefined : millis(seconds * 1000),
  );
}
