import { z } from "zod";
import { type EnableProtectionRequest, targetWish } from "../engine/contract/enable-protection.ts";
import { freezeCommands } from "../engine/core/freeze.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../engine/core/ids.ts";
import type { Wish } from "../engine/recovery/begin.ts";
import { type PartialPolicy, merged } from "../engine/recovery/replication-policy.ts";
import { type PolicySettings, policyIn } from "./default-policy.ts";
import { checkInput } from "./http.ts";

const leewardIn = z.strictObject({
  policy: z.record(z.string(), z.unknown()).prefault({}),
  /** Run by the agent on the machine, with the agent's rights. */
  freeze: freezeCommands.optional(),
  target: targetWish.optional(),
});

/**
 * What an enablement's body asks for. Our own part of it is strict: a misspelt policy must not pass for the default one.
 * @param base what the vault's policy says that the body names
 * @throws InvalidRequest naming the field
 */
export function wishOf(
  settings: PolicySettings,
  id: ArmId,
  { properties }: EnableProtectionRequest,
  base: PartialPolicy = {},
): Wish {
  const { providerSpecificDetails: details } = properties;
  const at = ["properties", "leeward"];
  const { policy: own, freeze, target = {} } = checkInput(leewardIn, properties.leeward ?? {}, at);
  const policy = checkInput(policyIn(settings), merged(base, own), [...at, "policy"]);
  const { nics, names, vmName, size, replicaAccount, cacheAccountSku, replicaAccountSku } = target;
  const cacheAccount = cacheAccountOf(details, target.cacheAccount);
  checkNames(details, names);
  checkKind("cacheAccountSku", cacheAccountSku, cacheAccount);
  checkKind("replicaAccountSku", replicaAccountSku, replicaAccount);
  if (replicaAccountSku && policy.replica === "none")
    throw new LeewardError(
      "InvalidRequest",
      "properties.leeward.target.replicaAccountSku: no replica is kept (policy replica: none)",
    );
  return {
    id,
    vmId: details.fabricObjectId,
    policy,
    ...(properties.policyId !== undefined && { ownPolicy: own }),
    policyId: properties.policyId,
    recoveryContainerId: details.recoveryContainerId,
    request: {
      resourceGroup: details.recoveryResourceGroupId,
      network: details.recoveryAzureNetworkId,
      subnet: details.recoverySubnetName,
      availabilitySet: details.recoveryAvailabilitySetId,
      zone: details.recoveryAvailabilityZone,
      proximityPlacementGroup: details.recoveryProximityPlacementGroupId,
      capacityReservationGroup: details.recoveryCapacityReservationGroupId,
      scaleSet: details.recoveryVirtualMachineScaleSetId,
      bootDiagnosticsAccount: details.recoveryBootDiagStorageAccountId,
      cacheAccount,
      replicaAccount,
      cacheSku: cacheAccountSku,
      replicaSku: replicaAccountSku,
      size,
      vmName,
      nics,
      names,
      disks: details.vmManagedDisks?.map(({ diskId }) => diskId),
      diskKinds: kindsOf(details),
      freeze,
    },
  };
}

type Details = EnableProtectionRequest["properties"]["providerSpecificDetails"];

function cacheAccountOf({ vmManagedDisks }: Details, own: ArmId | undefined): ArmId | undefined {
  const asked = (vmManagedDisks ?? []).flatMap((disk) => disk.primaryStagingAzureStorageAccountId ?? [])[0];
  if (asked && own && !sameArmId(asked, own))
    throw new LeewardError(
      "InvalidRequest",
      "properties.leeward.target.cacheAccount: primaryStagingAzureStorageAccountId names another one",
    );
  return own ?? asked;
}

/** Only of an account that is made. */
function checkKind(field: string, sku: string | undefined, account: ArmId | undefined): void {
  if (sku && account)
    throw new LeewardError(
      "InvalidRequest",
      `properties.leeward.target.${field}: ${account} is used, which has its own kind`,
    );
}

/** Nothing is copied where something was named in its place. */
function checkNames(details: Details, names: Wish["request"]["names"] = []): void {
  const inPlace = [
    ["virtualNetworks", "recoveryAzureNetworkId"],
    ["availabilitySets", "recoveryAvailabilitySetId"],
    ["availabilitySets", "recoveryAvailabilityZone"],
    ["availabilitySets", "recoveryVirtualMachineScaleSetId"],
    ["availabilitySets", "recoveryCapacityReservationGroupId"],
  ] as const;
  for (const [at, { source }] of names.entries())
    for (const [type, field] of inPlace)
      if (details[field] !== undefined && source.toLowerCase().includes(`/${type.toLowerCase()}/`))
        throw new LeewardError(
          "InvalidRequest",
          `properties.leeward.target.names.${at}: ${source} is not copied, since there is ${field}`,
        );
}

function kindsOf({ vmManagedDisks = [] }: Details): Wish["request"]["diskKinds"] {
  const kinds = vmManagedDisks.flatMap(
    ({ diskId, recoveryTargetDiskAccountType: sku, recoveryDiskEncryptionSetId: encryptionSet }) =>
      sku || encryptionSet ? [{ disk: diskId, sku, encryptionSet }] : [],
  );
  return kinds.length > 0 ? kinds : undefined;
}
