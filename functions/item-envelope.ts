import { hash } from "node:crypto";
import { toIso } from "../engine/core/clock.ts";
import { uuidOf } from "../engine/core/ids.ts";
import { regionName } from "../engine/core/region.ts";
import { containerOf, fabricOf } from "../engine/recovery/fabric.ts";
import { providerIdOf } from "./vault/provider-id.ts";
import { type ItemRecord, isOver, lastSegment } from "../engine/recovery/item.ts";

/** What an item's own id says of where it is, and what its record says of where it goes. */
export function placesOf({ id, source, target, recoveryContainerId }: ItemRecord) {
  const fabric = fabricOf(id);
  const recovery = recoveryContainerId === undefined ? undefined : fabricOf(recoveryContainerId);
  return {
    protectedItemType: "",
    protectableItemId: null,
    recoveryServicesProviderId: fabric ? providerIdOf(fabric) : null,
    primaryFabricFriendlyName: source ? regionName(source.region) : lastSegment(fabric ?? id),
    primaryFabricProvider: "AzureFabric",
    recoveryFabricFriendlyName: target ? regionName(target.region) : null,
    recoveryFabricId: recovery ?? null,
    primaryProtectionContainerFriendlyName: lastSegment(containerOf(id) ?? id),
    recoveryProtectionContainerFriendlyName:
      recoveryContainerId === undefined ? null : lastSegment(recoveryContainerId),
    switchProviderState: "None",
    switchProviderStateDescription: null,
  };
}

/** When it was last failed over, and ids by which ASR's clients tell lives of items apart. */
export function historyOf({ machine, policyId, failover, ...item }: ItemRecord) {
  return {
    policyFriendlyName: policyId === undefined ? null : lastSegment(policyId),
    lastSuccessfulFailoverTime:
      failover?.endTime === undefined || !isOver({ machine, failover, ...item })
        ? null
        : toIso(failover.endTime),
    eventCorrelationId: idFrom(machine),
  };
}

/** The same id for the same text. */
export const idFrom = (text: string): string => uuidOf(hash("sha256", text.toLowerCase(), "buffer"));
