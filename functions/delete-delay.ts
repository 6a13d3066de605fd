import { LeewardError } from "../engine/core/errors.ts";
import type { RecoveryPolicy } from "../engine/recovery/policy.ts";
import type { Settings } from "./settings.ts";

/** @throws InvalidRequest when what was given up would be deleted while somebody may still read it */
export function checkDelay(
  { leastDeleteDelay: least }: Pick<Settings, "leastDeleteDelay">,
  { retention: { deleteDelay } }: RecoveryPolicy,
): void {
  if (deleteDelay >= least) return;
  throw new LeewardError(
    "InvalidRequest",
    `properties.leeward.policy.retention.deleteDelay: at least ${least}, since a verification or a restore may take so long`,
  );
}
