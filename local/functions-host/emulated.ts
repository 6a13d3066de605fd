import { LeewardError } from "../../engine/core/errors.ts";
import { type RegisteredFunction, triggerOf } from "./core-api.ts";
import { retryPolicyOf } from "./retry-policy.ts";

/**
 * Whether this host carries out all that a function asks for when it is registered.
 * @throws LeewardError HostUnsupported naming the function and what of it is not emulated
 */
export function checkEmulated(fn: RegisteredFunction): void {
  for (const { type, direction } of Object.values(fn.metadata.bindings))
    if (BINDINGS.get(type.toLowerCase()) !== direction)
      throw new LeewardError(
        "HostUnsupported",
        `function ${fn.name} uses the ${direction}put binding ${type}, which is not emulated`,
      );
  triggerOf(fn);
  retryPolicyOf(fn);
}

/** Each with the way in which its data goes. */
const BINDINGS = new Map([
  ["httptrigger", "in"],
  ["http", "out"],
  ["timertrigger", "in"],
  ["queuetrigger", "in"],
  ["orchestrationtrigger", "in"],
  ["activitytrigger", "in"],
  ["entitytrigger", "in"],
  ["durableclient", "in"],
]);
