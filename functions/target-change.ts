import type { UpdateItemRequest } from "../engine/contract/update-item.ts";
import type { VmNic } from "../engine/contract/vm-nic.ts";
import type { ArmId } from "../engine/core/ids.ts";
import { type ItemRecord, lastSegment, targetOf } from "../engine/recovery/item.ts";
import { type TargetChange, retargeted } from "../engine/recovery/retarget.ts";
import { checkFixed } from "./fixed-fields.ts";
import { type Nic, primaryFirst, shownOf } from "./fixed-nic.ts";
import type { Services } from "./services.ts";
import { subnetsOf } from "./target-network.ts";
import { bootDiagnosticsIn, checkPlaces } from "./target-placement.ts";
import { vmNics } from "./vm-nics.ts";

/**
 * What the request wants of the target; undefined when it wants nothing of it.
 * @throws StateNotAllowed; InvalidRequest for what cannot be changed, is not there, or would not take the copy
 */
export async function targetChangeIn(
  services: Services,
  item: ItemRecord,
  asked: UpdateItemRequest["properties"],
): Promise<TargetChange | undefined> {
  const shown = vmNics(item);
  checkFixed(item, asked, shown);
  const details = asked.providerSpecificDetails;
  const network = asked.selectedRecoveryAzureNetworkId;
  const size = asked.recoveryAzureVMSize;
  const places = {
    proximityPlacementGroup: details?.recoveryProximityPlacementGroupId,
    capacityReservationGroup: details?.recoveryCapacityReservationGroupId,
    scaleSet: details?.recoveryVirtualMachineScaleSetId,
  };
  const account = details?.recoveryBootDiagStorageAccountId;
  const change: TargetChange = {
    vmName: asked.recoveryAzureVMName,
    size,
    availabilitySet: asked.recoveryAvailabilitySetId,
    ...places,
    nics: asked.vmNics.map((nic) => nicIn(nic, shownOf(shown, nic))),
    disks: (details?.managedDiskUpdateDetails ?? []).flatMap(
      ({ diskId: id, recoveryTargetDiskAccountType: sku }) => (sku ? [{ id, sku }] : []),
    ),
  };
  const { nics, disks, ...rest } = change;
  const all = [...nics, ...disks, ...Object.values(rest), network, account];
  if (all.every((value) => value === undefined)) return undefined;
  // What cannot be changed now is refused for that, whatever is asked for.
  retargeted(item, change);
  await checkPlaces(services, item, { size, ...places, bootDiagnosticsAccount: account });
  return {
    ...change,
    ...(account && { bootDiagnostics: await bootDiagnosticsIn(services, account) }),
    ...(network && { network: await networkIn(services, item, network) }),
  };
}

async function networkIn(services: Services, item: ItemRecord, id: ArmId): Promise<TargetChange["network"]> {
  const field = "properties.selectedRecoveryAzureNetworkId";
  return { id, subnets: await subnetsOf(services, id, targetOf(item).region, field) };
}

function nicIn(nic: Nic, shown: VmNic | undefined): TargetChange["nics"][number] {
  const [config] = primaryFirst(nic.ipConfigs);
  const subnet = config?.recoverySubnetName;
  return {
    name: lastSegment(nic.nicId),
    subnet: subnet === undefined ? undefined : lastSegment(subnet),
    address: config?.recoveryStaticIPAddress,
    networkSecurityGroup: nic.recoveryNetworkSecurityGroupId,
    ...newOf(nic, shown),
  };
}

/** What says otherwise than before: clients send both names back. */
function newOf(nic: Nic, shown: VmNic | undefined) {
  const names = [nic.recoveryNicName, nic.targetNicName];
  const faster = nic.enableAcceleratedNetworkingOnRecovery;
  return {
    recoveryName: names.find((name) => name !== undefined && name !== shown?.recoveryNicName),
    acceleratedNetworking: faster === shown?.enableAcceleratedNetworkingOnRecovery ? undefined : faster,
  };
}
