import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import { type PartialPolicy, givenBy } from "../../engine/recovery/replication-policy.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { lookUp } from "../find-item.ts";
import type { Services } from "../services.ts";

/**
 * What the policy says by which an item is to go; nothing where none is named. An item that has gone by a policy that nobody
 * made goes on doing so.
 * @throws InvalidRequest for a policy that is not there
 */
export async function policyFor(
  { records }: Pick<Services, "records">,
  item: ArmId,
  policyId: string | undefined,
): Promise<PartialPolicy> {
  if (policyId === undefined || policyId === "") return {};
  const found = isId(policyId) ? await records.policies.get(resourceKey(armId(policyId))) : undefined;
  if (found) return givenBy(found.value);
  const known = (await lookUp({ records }, item))?.value;
  if (known?.policyId !== undefined && sameArmId(known.policyId, policyId)) return {};
  throw new LeewardError("InvalidRequest", `properties.policyId: there is no ${policyId.slice(0, 300)}`);
}

const isId = (text: string): boolean => /^\/subscriptions\/[^/?#\s]+(?:\/[^/?#]+)+$/i.test(text);
