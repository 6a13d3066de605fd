import { ensureAvailabilitySet } from "../../engine/azure/availability-set.ts";
import type { Ensured } from "../../engine/azure/resource.ts";
import { ensureResourceGroup, findResourceGroup } from "../../engine/azure/resource-group.ts";
import { ensureRoleAssignment } from "../../engine/azure/role-assignment.ts";
import { ensureStorageAccount, getStorageAccount } from "../../engine/azure/storage-account.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { KINDS, copyOwner } from "../../engine/recovery/copy-name.ts";
import { ACCOUNT_SKU } from "../../engine/recovery/protection-request.ts";
import { grantsFor } from "../../engine/recovery/role-grants.ts";
import { sourceOf, targetOf } from "../../engine/recovery/item.ts";
import type { ArmSent } from "../../orchestrations/contract.ts";
import { underAnotherName } from "./another-name.ts";
import { type Implementations, itemOf } from "./tools.ts";

const shared = (role: string) => ({ machine: "shared" as const, role });

/** What the user named is taken as it is; what Leeward names it makes, and marks as its own. */
export const targetActivities = {
  async createResourceGroup({ machine }, { services }) {
    const target = targetOf(await itemOf(services, machine));
    if (await findResourceGroup(services.arm, target.resourceGroup)) return {};
    const group = { id: target.resourceGroup, location: target.region, owner: shared("target") };
    return sent(await ensureResourceGroup(services.arm, group));
  },

  async createAvailabilitySet({ machine }, { services }) {
    return underAnotherName(services, machine, async (item) => {
      const { availabilitySet: id, region: location } = targetOf(item);
      const set = sourceOf(item).availabilitySet;
      if (!id || item.request.availabilitySet || !set) return {};
      const { faultDomains, updateDomains } = set;
      const owner = set.id ? copyOwner(KINDS.availabilitySet, set.id) : shared("availability");
      const { proximityPlacementGroup } = targetOf(item);
      const spec = { id, location, faultDomains, updateDomains, proximityPlacementGroup, owner };
      return sent(await ensureAvailabilitySet(services.arm, spec));
    });
  },

  async createReplicaAccount({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const target = targetOf(item);
    if (!target.replica || item.request.replicaAccount) return {};
    const sku = item.request.replicaSku ?? ACCOUNT_SKU;
    const account = { id: target.replica.id, location: target.region, sku };
    return sent(await ensureStorageAccount(services.arm, { ...account, owner: shared("replica") }));
  },

  async createCacheAccount({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { id } = targetOf(item).cache;
    const { region } = sourceOf(item);
    if (item.request.cacheAccount) {
      const found = await getStorageAccount(services.arm, id);
      if (found.location.toLowerCase() === region.toLowerCase()) return {};
      throw new LeewardError(
        "SourceUnsuitable",
        `the cache account ${id} is in ${found.location}, not in ${region}`,
      );
    }
    const sku = item.request.cacheSku ?? ACCOUNT_SKU;
    const account = { id, location: region, sku, owner: shared("cache") };
    return sent(await ensureStorageAccount(services.arm, account));
  },

  async assignRoles({ machine }, { services }) {
    const { rolesFor: principal } = services.settings;
    if (principal === undefined) return null;
    const item = await itemOf(services, machine);
    for (const { id, definition } of grantsFor(targetOf(item), item.request, principal))
      await ensureRoleAssignment(services.arm, { id, definition, principal });
    return null;
  },

  async pollArm({ operation }, { services }) {
    const polled = await services.arm.poll(operation);
    return polled.done ? {} : { operation: polled.operation };
  },
} satisfies Partial<Implementations>;

/** The operation only: the rest of what ARM said does not belong into the history. */
export const sent = ({ operation }: Ensured): ArmSent => (operation ? { operation } : {});
