import { expect, test } from "vitest";
import { enableProtectionRequest, targetWish } from "../../../../engine/contract/enable-protection.ts";

const id = (type: string, name = "x") => `/subscriptions/s/resourceGroups/g/providers/${type}/${name}`;
const GROUP = "/subscriptions/s/resourceGroups/g";
const VM = id("Microsoft.Compute/virtualMachines");

const details = (more: object) => ({
  properties: {
    providerSpecificDetails: {
      instanceType: "A2A",
      fabricObjectId: VM,
      recoveryResourceGroupId: GROUP,
      ...more,
    },
  },
});
const wrong = (schema: typeof enableProtectionRequest | typeof targetWish, body: unknown) =>
  schema.safeParse(body).error?.issues.map(({ path }) => path.join(".")) ?? [];

const disk = (more: object) => ({ diskId: id("Microsoft.Compute/disks"), ...more });
const account = (name: string) => id("Microsoft.Storage/storageAccounts", name);

test.each([
  [
    "recoveryAvailabilityZone",
    { recoveryAvailabilityZone: "1", recoveryAvailabilitySetId: id("Microsoft.Compute/availabilitySets") },
  ],
  ["recoveryAvailabilityZone", { recoveryAvailabilityZone: "west" }],
  ["recoveryAzureNetworkId", { recoveryAzureNetworkId: VM }],
  ["recoveryAvailabilitySetId", { recoveryAvailabilitySetId: VM }],
  ["recoveryProximityPlacementGroupId", { recoveryProximityPlacementGroupId: VM }],
  ["recoveryVirtualMachineScaleSetId", { recoveryVirtualMachineScaleSetId: VM }],
  ["recoveryBootDiagStorageAccountId", { recoveryBootDiagStorageAccountId: VM }],
  ["recoveryCapacityReservationGroupId", { recoveryCapacityReservationGroupId: VM }],
  [
    "recoveryVirtualMachineScaleSetId",
    {
      recoveryVirtualMachineScaleSetId: id("Microsoft.Compute/virtualMachineScaleSets"),
      recoveryAvailabilitySetId: id("Microsoft.Compute/availabilitySets"),
    },
  ],
  ...["availabilitySet", "proximityPlacementGroup"].map((kind): [string, object] => [
    "recoveryCapacityReservationGroupId",
    {
      recoveryCapacityReservationGroupId: id("Microsoft.Compute/capacityReservationGroups"),
      [`recovery${kind.charAt(0).toUpperCase()}${kind.slice(1)}Id`]: id(`Microsoft.Compute/${kind}s`),
    },
  ]),
  [
    "vmManagedDisks.0.recoveryDiskEncryptionSetId",
    { vmManagedDisks: [disk({ recoveryDiskEncryptionSetId: VM })] },
  ],
  [
    "vmManagedDisks.0.recoveryTargetDiskAccountType",
    { vmManagedDisks: [disk({ recoveryTargetDiskAccountType: "Fast" })] },
  ],
  [
    "vmManagedDisks.1.primaryStagingAzureStorageAccountId",
    {
      vmManagedDisks: ["a", "b"].map((name) => disk({ primaryStagingAzureStorageAccountId: account(name) })),
    },
  ],
  [
    "vmManagedDisks.0.recoveryResourceGroupId",
    { vmManagedDisks: [disk({ recoveryResourceGroupId: `${GROUP}2` })] },
  ],
])("%s is named when it is wrong", (field, more) => {
  expect(wrong(enableProtectionRequest, details(more))).toEqual([
    `properties.providerSpecificDetails.${field}`,
  ]);
});

test.each([
  ["vmName", { vmName: "a b" }],
  ["vmName", { vmName: "ends-" }],
  ["size", { size: "Standard D2" }],
  ["replicaAccount", { replicaAccount: VM }],
  ["nics.1.name", { nics: [{ name: "n" }, { name: "N" }] }],
  [
    "nics.1.address",
    {
      nics: [
        { name: "a", address: "10.0.0.4" },
        { name: "b", address: "10.0.0.4" },
      ],
    },
  ],
  ["nics.0.address", { nics: [{ name: "a", address: "10.0.0.400" }] }],
  ["nics.0.recoveryName", { nics: [{ name: "a", recoveryName: "-a" }] }],
  [
    "nics.1.recoveryName",
    {
      nics: [
        { name: "a", recoveryName: "c" },
        { name: "b", recoveryName: "C" },
      ],
    },
  ],
  ["names.0.source", { names: [{ source: VM, name: "a" }] }],
  ["names.0.name", { names: [{ source: id("Microsoft.Network/virtualNetworks"), name: "a" }] }],
  ["names.0.name", { names: [{ source: id("Microsoft.Network/networkSecurityGroups"), name: "a." }] }],
  ["names.0.name", { names: [{ source: id("Microsoft.Compute/availabilitySets"), name: "a b" }] }],
  [
    "names.1.source",
    {
      names: ["hall", "yard"].map((name) => ({ source: id("Microsoft.Network/virtualNetworks"), name })),
    },
  ],
  ["", { vmname: "misspelt" }],
])("%s of the target is named when it is wrong", (field, more) => {
  expect(wrong(targetWish, more)).toEqual([field]);
});

test("everything that can be chosen can be chosen together", () => {
  const chosen = {
    recoveryAzureNetworkId: id("microsoft.network/VirtualNetworks"),
    recoverySubnetName: "apps",
    recoveryAvailabilityZone: "2",
    recoveryProximityPlacementGroupId: id("Microsoft.Compute/proximityPlacementGroups"),
    recoveryVirtualMachineScaleSetId: id("Microsoft.Compute/virtualMachineScaleSets"),
    recoveryBootDiagStorageAccountId: account("d"),
    vmManagedDisks: [
      disk({
        primaryStagingAzureStorageAccountId: account("a"),
        recoveryResourceGroupId: GROUP.toUpperCase().replace("/SUBSCRIPTIONS", "/subscriptions"),
        recoveryTargetDiskAccountType: "Premium_LRS",
        recoveryDiskEncryptionSetId: id("Microsoft.Compute/diskEncryptionSets"),
      }),
    ],
  };
  const nics = [
    {
      name: "n",
      subnet: "s",
      address: "10.0.0.9",
      networkSecurityGroup: id("Microsoft.Network/networkSecurityGroups"),
    },
  ];
  expect(wrong(enableProtectionRequest, details(chosen))).toEqual([]);
  const target = {
    vmName: "ledger-dr",
    size: "Standard_D4s_v5",
    cacheAccount: account("a"),
    replicaAccount: account("r"),
    names: [
      { source: id("Microsoft.Network/virtualNetworks"), name: "hall" },
      { source: id("Microsoft.Network/applicationSecurityGroups"), name: "a" },
    ],
    nics,
  };
  expect(wrong(targetWish, target)).toEqual([]);
});
