import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { type A2aPolicy, a2aPolicy } from "../core/a2a-policy.ts";
import { type ArmId, armId, sameArmId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import type { ItemRecord } from "./item.ts";
import { recoveryPolicy } from "./policy.ts";

/** What a policy leaves out. Site Recovery keeps no points then; Leeward keeps a day of them. */
export const A2A_DEFAULTS: A2aPolicy = {
  recoveryPointHistory: 24 * 60,
  crashConsistentFrequencyInMinutes: 5,
  appConsistentFrequencyInMinutes: 0,
  multiVmSyncStatus: "Enable",
};

/** A recovery policy with only the fields that somebody gave. */
export type PartialPolicy = Readonly<Record<string, unknown>>;

const partialPolicy = z.record(z.string(), z.unknown());

/** A vault's policy: what its items go by. Kind `policy`, by `resourceKey`. */
export const policyRecord = z.object({
  format: z.literal(1),
  id: z.string().transform(checked(armId)),
  a2a: a2aPolicy,
  /** What was given of Leeward's own policy; it stands over `a2a`. */
  own: partialPolicy,
});
export type PolicyRecord = z.infer<typeof policyRecord>;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** What a vault's policy says, in Leeward's words. */
export function givenBy({ a2a, own }: Pick<PolicyRecord, "a2a" | "own">): PartialPolicy {
  const window = Math.max(a2a.recoveryPointHistory * MINUTE, 1000);
  const every = a2a.crashConsistentFrequencyInMinutes * MINUTE;
  return merged(
    {
      pointInterval: every,
      imageInterval: every,
      applicationInterval: a2a.appConsistentFrequencyInMinutes * MINUTE,
      retention: { window, anyWriteWindow: Math.min(window, DAY) },
    },
    own,
  );
}

/** One partial policy over another: `retention` and `resync` field by field. */
export function merged(under: PartialPolicy, over: PartialPolicy): PartialPolicy {
  const nested = ["retention", "resync"].flatMap((field) => {
    const parts = [under[field], over[field]].filter(isObject);
    return parts.length > 1 ? [[field, Object.assign({}, ...parts)] as const] : [];
  });
  return { ...under, ...over, ...Object.fromEntries(nested) };
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The item once its vault's policy says this: what the item was given itself stays, and so do the way of its capture and its
 * replica, which are not changed by a record alone. The same object when nothing of it changes.
 */
export function withPolicy(item: ItemRecord, given: PartialPolicy): ItemRecord {
  const { capture, replica } = item.policy;
  const policy = recoveryPolicy.parse({ ...merged(given, item.ownPolicy ?? {}), capture, replica });
  return isDeepStrictEqual(JSON.parse(JSON.stringify(policy)), JSON.parse(JSON.stringify(item.policy)))
    ? item
    : { ...item, policy };
}

export const goesBy = ({ policyId }: ItemRecord, policy: ArmId): boolean =>
  policyId !== undefined && sameArmId(policyId, policy);
