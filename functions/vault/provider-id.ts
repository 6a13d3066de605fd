import { createHash } from "node:crypto";
import { type ArmId, armId, uuidOf } from "../../engine/core/ids.ts";

/** Azure has one provider in each fabric: the service itself. */
export const providerIdOf = (fabric: ArmId): ArmId => {
  const digest = createHash("sha256").update(`${fabric.toLowerCase()}\nprovider`).digest();
  return armId(`${fabric}/replicationRecoveryServicesProviders/${uuidOf(digest)}`);
};
