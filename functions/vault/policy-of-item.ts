import type { EnableProtectionRequest } from "../../engine/contract/enable-protection.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import { type PartialPolicy, givenBy } from "../../engine/recovery/replication-policy.ts";
import { containerOf } from "../../engine/recovery/fabric.ts";
import { vaultOf } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { lookUp } from "../find-item.ts";
import type { Services } from "../services.ts";
import { inVault, isIn } from "./inventory.ts";

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

/**
 * The body with the policy of the container mapping that the item goes by, where it names none: ASR's mapping has one for that. An
 * item that there is keeps the policy that it goes by. Where the body names no target container, the mapping must be the only
 * one of its own.
 */
export async function withMappedPolicy(
  { records }: Pick<Services, "records">,
  item: ArmId,
  body: EnableProtectionRequest,
): Promise<EnableProtectionRequest> {
  const { properties } = body;
  if (properties.policyId) return body;
  const known = (await lookUp({ records }, item))?.value;
  const policyId = known ? known.policyId : await mappedPolicy(records, item, properties);
  return policyId ? { ...body, properties: { ...properties, policyId } } : body;
}

async function mappedPolicy(
  records: Services["records"],
  item: ArmId,
  { providerSpecificDetails: { recoveryContainerId: target } }: EnableProtectionRequest["properties"],
): Promise<ArmId | undefined> {
  const container = containerOf(item);
  const rows = (await inVault(records.containerMappings, vaultOf(item))).filter(
    (row) =>
      container && isIn(container, row.id) && (!target || row.target.toLowerCase() === target.toLowerCase()),
  );
  return rows.length === 1 ? rows[0]?.policy : undefined;
}

const isId = (text: string): boolean => /^\/subscriptions\/[^/?#\s]+(?:\/[^/?#]+)+$/i.test(text);
