import type { VmNic } from "../engine/contract/vm-nic.ts";
import { groupOf } from "../engine/core/ids.ts";
import { type ItemRecord, type TargetMachine, type TargetNic, lastSegment } from "../engine/recovery/item.ts";
import { type SourceAddress, type SourceNic, addressesOf } from "../engine/recovery/source-nic.ts";
import type { BuiltAddress } from "../engine/recovery/target-build.ts";
import {
  accelerates,
  networkOf,
  placeOf,
  targetNic,
  wantedAddresses,
} from "../engine/recovery/target-names.ts";

/** ASR's details of each interface; empty before enablement has read the source. */
export function vmNics(item: ItemRecord): VmNic[] {
  const { source, target } = item;
  if (!source || !target) return [];
  return source.nics.map((nic) => vmNic(item, target, nic));
}

function vmNic(item: ItemRecord, target: TargetMachine, nic: SourceNic): VmNic {
  const place = placeOf(target, nic);
  const built = item.failover?.nics?.find(({ name }) => name === nic.name);
  const tested = item.test?.place.nics.find(({ name }) => name === nic.name);
  const copied = item.test?.nics?.find(({ name }) => name === nic.name);
  const name = lastSegment(targetNic(target, nic.name));
  // A test's is called after the source's.
  const { nics: _, ...plain } = target;
  const testName = lastSegment(targetNic({ ...plain, purpose: "test" }, nic.name));
  const group = lastSegment(target.resourceGroup);
  const id = nic.id ?? `${groupOf(item.vmId)}/providers/Microsoft.Network/networkInterfaces/${nic.name}`;
  const chosen = item.request.nics?.some((one) => one.name === nic.name) ?? false;
  return {
    nicId: id,
    replicaNicId: built?.id ?? null,
    sourceNicArmId: id,
    vMNetworkName: nic.network ? lastSegment(nic.network) : (item.source?.network.name ?? ""),
    recoveryVMNetworkId: networkOf(place.subnet),
    ipConfigs: wantedAddresses(nic, place).map((wanted, at) => ({
      name: wanted.name,
      isPrimary: wanted.primary,
      ...sourceSide(nic, addressesOf(nic)[at] ?? wanted),
      isSeletedForFailover: true,
      ...recoverySide(
        place,
        wanted,
        built?.addresses.find((one) => one.name === wanted.name),
      ),
      tfoSubnetName: tested ? lastSegment(tested.subnet) : null,
      tfoStaticIPAddress: copied?.addresses.find((one) => one.name === wanted.name)?.given ?? null,
      tfoPublicIPAddressId: null,
      tfoLBBackendAddressPoolIds: [],
    })),
    selectionType: chosen ? "SelectedByUser" : "SelectedByDefault",
    recoveryNetworkSecurityGroupId: place.networkSecurityGroup ?? null,
    enableAcceleratedNetworkingOnRecovery:
      accelerates(nic, place) && item.failover?.fit?.accelerates !== false,
    tfoVMNetworkId: item.test?.place.network ?? null,
    // The copy has none of the groups that it would share with others; an isolated network's subnets have their own.
    tfoNetworkSecurityGroupId: null,
    enableAcceleratedNetworkingOnTfo: nic.acceleratedNetworking,
    recoveryNicName: name,
    recoveryNicResourceGroupName: group,
    reuseExistingNic: false,
    tfoRecoveryNicName: testName,
    tfoRecoveryNicResourceGroupName: group,
    tfoReuseExistingNic: false,
    targetNicName: name,
  };
}

type IpConfig = VmNic["ipConfigs"][number];

const sourceSide = (
  { subnet }: SourceNic,
  { address, fixed }: SourceAddress,
): Pick<IpConfig, "subnetName" | "staticIPAddress" | "ipAddressType"> => ({
  subnetName: subnet,
  staticIPAddress: address ?? null,
  ipAddressType: fixed === undefined ? null : typeOf(fixed),
});

/** Public addresses and pools of load balancers are not copied: eligibility says so. */
function recoverySide(
  { subnet }: TargetNic,
  { address, version }: SourceAddress,
  built: BuiltAddress | undefined,
): Pick<
  IpConfig,
  | "recoverySubnetName"
  | "recoveryStaticIPAddress"
  | "recoveryIPAddressType"
  | "recoveryPublicIPAddressId"
  | "recoveryLBBackendAddressPoolIds"
> {
  const asks = address !== undefined && version === "IPv4";
  const hoped = asks ? address : undefined;
  return {
    recoverySubnetName: lastSegment(subnet),
    recoveryStaticIPAddress: (built ? built.given : hoped) ?? null,
    recoveryIPAddressType: typeOf(asks && built?.why === undefined),
    recoveryPublicIPAddressId: null,
    recoveryLBBackendAddressPoolIds: [],
  };
}

const typeOf = (fixed: boolean) => (fixed ? "Static" : "Dynamic");
