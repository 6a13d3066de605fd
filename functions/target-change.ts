import type { UpdateItemRequest } from "../engine/contract/update-item.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import { type ItemRecord, lastSegment, targetOf } from "../engine/recovery/item.ts";
import type { TargetChange } from "../engine/recovery/retarget.ts";
import type { Services } from "./services.ts";
import { subnetsOf } from "./target-network.ts";

/**
 * What the request wants of the target; undefined when it wants nothing of it.
 * @throws InvalidRequest for a network that is not there, or is in another region
 */
export async function targetChangeIn(
  services: Services,
  item: ItemRecord,
  asked: UpdateItemRequest["properties"],
): Promise<TargetChange | undefined> {
  const details = asked.providerSpecificDetails ?? undefined;
  const group = details?.recoveryResourceGroupId;
  if (group && !sameArmId(group, item.request.resourceGroup))
    throw new LeewardError(
      "InvalidRequest",
      "properties.providerSpecificDetails.recoveryResourceGroupId: what was made there stays there; enable anew for another group",
    );
  const network = asked.selectedRecoveryAzureNetworkId ?? undefined;
  const change: TargetChange = {
    vmName: asked.recoveryAzureVMName ?? undefined,
    size: asked.recoveryAzureVMSize ?? undefined,
    availabilitySet: asked.recoveryAvailabilitySetId ?? undefined,
    proximityPlacementGroup: details?.recoveryProximityPlacementGroupId ?? undefined,
    nics: (asked.vmNics ?? []).map(nicIn),
    disks: (details?.managedDiskUpdateDetails ?? []).flatMap(
      ({ diskId: id, recoveryTargetDiskAccountType: sku }) => (sku ? [{ id, sku }] : []),
    ),
    ...(network && {
      network: {
        id: network,
        subnets: await subnetsOf(
          services,
          network,
          targetOf(item).region,
          "properties.selectedRecoveryAzureNetworkId",
        ),
      },
    }),
  };
  const { nics, disks, ...rest } = change;
  const wants = nics.length + disks.length > 0 || Object.values(rest).some((value) => value !== undefined);
  return wants ? change : undefined;
}

function nicIn({
  nicId,
  ipConfigs,
  recoveryNetworkSecurityGroupId,
}: NonNullable<UpdateItemRequest["properties"]["vmNics"]>[number]): TargetChange["nics"][number] {
  const config = ipConfigs.find(({ isPrimary }) => isPrimary) ?? ipConfigs[0];
  const subnet = config?.recoverySubnetName ?? undefined;
  return {
    name: lastSegment(nicId),
    subnet: subnet === undefined ? undefined : lastSegment(subnet),
    address: config?.recoveryStaticIPAddress ?? undefined,
    networkSecurityGroup: recoveryNetworkSecurityGroupId ?? undefined,
  };
}
