import {
  type EnableProtectionRequest,
  enableProtectionRequest,
} from "../../engine/contract/enable-protection.ts";
import type { IntentDetails } from "../../engine/contract/protection-intent.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { checkInput } from "../http.ts";

/** What `PUT` of an item would be told. @throws InvalidRequest naming the field */
export function enablementOf(
  details: IntentDetails,
  recovery: ArmId,
  policyId: string | undefined,
  leeward: unknown,
): EnableProtectionRequest {
  const network = existing(details.recoveryVirtualNetworkCustomInput);
  const set = existing(details.recoveryAvailabilitySetCustomInput)?.recoveryAvailabilitySetId;
  const placement = existing(details.recoveryProximityPlacementGroupCustomInput);
  const account = details.primaryStagingStorageAccountCustomInput?.azureStorageAccountId;
  return checkInput(enableProtectionRequest, {
    properties: {
      policyId,
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: details.fabricObjectId,
        recoveryContainerId: recovery,
        recoveryResourceGroupId: details.recoveryResourceGroupId,
        recoveryAzureNetworkId: network?.recoveryVirtualNetworkId,
        recoverySubnetName: network?.recoverySubnetName,
        recoveryAvailabilitySetId: set,
        recoveryAvailabilityZone: details.recoveryAvailabilityZone,
        recoveryProximityPlacementGroupId: placement?.recoveryProximityPlacementGroupId,
        recoveryBootDiagStorageAccountId: details.recoveryBootDiagStorageAccount?.azureStorageAccountId,
        multiVmGroupName: details.multiVmGroupName,
        multiVmGroupId: details.multiVmGroupId,
        vmManagedDisks: details.vmManagedDisks?.map(
          ({
            primaryStagingStorageAccountCustomInput: own,
            recoveryResourceGroupCustomInput: group,
            ...disk
          }) => ({
            ...disk,
            recoveryResourceGroupId: group?.recoveryResourceGroupId,
            primaryStagingAzureStorageAccountId: own?.azureStorageAccountId ?? account,
          }),
        ),
      },
      leeward: withCache(leeward, details.vmManagedDisks ? undefined : account),
    },
  });
}

/** The cache account where no disks are named that could name it. */
function withCache(leeward: unknown, cacheAccount: ArmId | undefined): unknown {
  if (cacheAccount === undefined || (leeward !== undefined && !isObject(leeward))) return leeward;
  const { target, ...rest }: { target?: unknown } = leeward ?? {};
  return { ...rest, target: { cacheAccount, ...(isObject(target) ? target : {}) } };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const existing = <One extends { readonly resourceType: string }>(
  input: One | undefined,
): Extract<One, { readonly resourceType: "Existing" }> | undefined => (isExisting(input) ? input : undefined);

const isExisting = <One extends { readonly resourceType: string }>(
  input: One | undefined,
): input is Extract<One, { readonly resourceType: "Existing" }> => input?.resourceType === "Existing";
