import { LeewardError } from "../engine/core/errors.ts";
import { type RecoveryPolicy, recoveryPolicy } from "../engine/recovery/policy.ts";
import { checkInput } from "./http.ts";

/** What of a policy a request wants to be otherwise. */
export type PolicyChange = Readonly<Record<string, unknown>> & {
  readonly retention?: Readonly<Record<string, unknown>> | undefined;
  readonly capture?: unknown;
};

/**
 * Fields that are not given stay as they are. How a machine is captured stays in any case: an agent stands between it and its
 * disks, and is put there and taken away by enablement and disable alone.
 * @throws InvalidRequest
 */
export function changedPolicy(old: RecoveryPolicy, { capture, ...given }: PolicyChange): RecoveryPolicy {
  if (capture !== undefined && capture !== old.capture)
    throw new LeewardError(
      "InvalidRequest",
      `properties.leeward.policy.capture: this machine is captured by ${old.capture}, which cannot change while it is protected: remove its protection, with keepPoints where the points are to stay, and enable it again with the other one`,
    );
  const retention = { ...old.retention, ...given.retention };
  const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return checkInput(recoveryPolicy, { ...old, ...wanted, retention }, ["properties", "leeward", "policy"]);
}
