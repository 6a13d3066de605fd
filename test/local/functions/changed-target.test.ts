import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { NORTH, WEST, finished, groupId, idOf } from "../arm/fixture.ts";
import { type Served, serveApp } from "./served-app.ts";

/* Where a machine comes up, changed by ASR's call as its clients make it: every field that they know is sent back. */

const compute = (type: string, name: string) => idOf("places", `Microsoft.Compute/${type}`, name);
const RESERVED = compute("capacityReservationGroups", "reserved");
const SCALE = compute("virtualMachineScaleSets", "scale");
const NEAR = compute("proximityPlacementGroups", "near");

let app: Served;
beforeAll(async () => {
  app = await serveApp();
  const put = async (id: string, body: object) =>
    finished(app.arm.client, await app.arm.client.put(id, body));
  await put(groupId("places"), { location: NORTH });
  await put(RESERVED, { location: NORTH });
  const sku = { name: "Standard_D2s_v5", capacity: 2 };
  await put(`${RESERVED}/capacityReservations/two`, { location: NORTH, sku });
  const flexible = { orchestrationMode: "Flexible", platformFaultDomainCount: 1 };
  await put(SCALE, { location: NORTH, properties: flexible });
  await put(`${SCALE}-uniform`, { location: NORTH, properties: { orchestrationMode: "Uniform" } });
  await put(NEAR, { location: NORTH, properties: { proximityPlacementGroupType: "Standard" } });
  await put(`${NEAR}-west`, { location: WEST, properties: { proximityPlacementGroupType: "Standard" } });
});
afterAll(() => app.close());

const nic = z.looseObject({ nicId: z.string(), ipConfigs: z.array(z.looseObject({ name: z.string() })) });
const details = z.looseObject({
  protectedManagedDisks: z.array(z.looseObject({ diskId: z.string() })),
  vmNics: z.array(nic),
});
const Item = z.looseObject({ properties: z.looseObject({ providerSpecificDetails: details }) });

const shown = async () =>
  Item.parse((await app.call("GET", app.item.id)).body).properties.providerSpecificDetails;
const patch = async (properties: object) => app.call("PATCH", app.item.id, { properties });
const ofProvider = (fields: object) => ({ providerSpecificDetails: { instanceType: "A2A", ...fields } });
const tag = async () => (await app.call("GET", app.item.id)).headers.get("etag");

/** As the client's models for input call what the others show. */
async function asRead() {
  const { vmNics, protectedManagedDisks, ...rest } = await shown();
  return {
    recoveryAzureVMName: rest["recoveryAzureVMName"],
    recoveryAzureVMSize: rest["recoveryAzureVMSize"],
    selectedRecoveryAzureNetworkId: rest["selectedRecoveryAzureNetworkId"],
    selectedTfoAzureNetworkId: rest["selectedTfoAzureNetworkId"],
    recoveryAvailabilitySetId: rest["recoveryAvailabilitySet"],
    licenseType: "NotSpecified",
    vmNics: vmNics.map(({ ipConfigs, tfoRecoveryNicName, tfoRecoveryNicResourceGroupName, ...fields }) => ({
      ...fields,
      tfoNicName: tfoRecoveryNicName,
      tfoNicResourceGroupName: tfoRecoveryNicResourceGroupName,
      ipConfigs: ipConfigs.map(({ name, ...config }) => ({ ...config, ipConfigName: name })),
    })),
    ...ofProvider({
      ...rest,
      managedDiskUpdateDetails: protectedManagedDisks,
      recoveryResourceGroupId: rest["recoveryAzureResourceGroupId"],
      recoveryCloudServiceId: "",
    }),
  };
}

test("all that was read can be sent back, and changes nothing that is shown", async () => {
  const before = await shown();
  const answer = await patch(await asRead());
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  const after = await shown();
  for (const field of ["vmNics", "recoveryAzureVMName", "recoveryAvailabilitySet", "tfoAzureVMName"])
    expect(after[field]).toEqual(before[field]);
});

test("a field that is empty or null is one that is left out", async () => {
  const before = await tag();
  const config = { recoverySubnetName: "", recoveryStaticIPAddress: "", recoveryPublicIPAddressId: "" };
  const [first] = (await shown()).vmNics;
  const { status } = await patch({
    recoveryAzureVMName: "",
    selectedRecoveryAzureNetworkId: null,
    recoveryAvailabilitySetId: "",
    vmNics: [
      {
        nicId: first?.nicId,
        ipConfigs: [{ ...config, tfoSubnetName: "", recoveryLBBackendAddressPoolIds: [] }],
        recoveryNetworkSecurityGroupId: "",
        recoveryNicName: "",
      },
    ],
    ...ofProvider({
      recoveryProximityPlacementGroupId: "",
      recoveryBootDiagStorageAccountId: null,
      diskEncryptionInfo: null,
    }),
  });
  expect([status, await tag()]).toEqual([200, before]);
});

test("what cannot be changed is refused by its name, and nothing has changed", async () => {
  const before = await tag();
  const { vmNics, protectedManagedDisks } = await shown();
  const ofNic = (fields: object) => ({ vmNics: [{ nicId: vmNics[0]?.nicId, ...fields }] });
  const ofAddress = (fields: object) => ofNic({ ipConfigs: [{ isPrimary: true, ...fields }] });
  const ofDisk = (fields: object) =>
    ofProvider({ managedDiskUpdateDetails: [{ diskId: protectedManagedDisks[0]?.diskId, ...fields }] });
  const refusals: readonly (readonly [object, string])[] = [
    [{ licenseType: "WindowsServer" }, "licenseType"],
    [{ selectedSourceNicId: NEAR }, "selectedSourceNicId"],
    [{ selectedTfoAzureNetworkId: NEAR }, "selectedTfoAzureNetworkId"],
    [{ enableRdpOnTargetOption: "Always" }, "enableRdpOnTargetOption"],
    [ofNic({ selectionType: "NotSelected" }), "vmNics.0.selectionType"],
    [ofNic({ reuseExistingNic: true }), "vmNics.0.reuseExistingNic"],
    [ofNic({ recoveryNicResourceGroupName: "another" }), "vmNics.0.recoveryNicResourceGroupName"],
    [ofNic({ tfoNicName: "another" }), "vmNics.0.tfoNicName"],
    [ofNic({ tfoNetworkSecurityGroupId: NEAR }), "vmNics.0.tfoNetworkSecurityGroupId"],
    [ofAddress({ recoveryPublicIPAddressId: NEAR }), "vmNics.0.ipConfigs.0.recoveryPublicIPAddressId"],
    [ofAddress({ recoveryLBBackendAddressPoolIds: [NEAR] }), "recoveryLBBackendAddressPoolIds"],
    [ofAddress({ isSeletedForFailover: false }), "vmNics.0.ipConfigs.0.isSeletedForFailover"],
    [ofAddress({ tfoStaticIPAddress: "10.0.0.9" }), "vmNics.0.ipConfigs.0.tfoStaticIPAddress"],
    [ofDisk({ failoverDiskName: "mine" }), "managedDiskUpdateDetails.0.failoverDiskName"],
    [ofDisk({ diskEncryptionInfo: { keyEncryptionKeyInfo: {} } }), "diskEncryptionInfo"],
    [ofProvider({ recoveryResourceGroupId: groupId("another") }), "recoveryResourceGroupId"],
    [ofProvider({ recoveryCloudServiceId: NEAR }), "recoveryCloudServiceId"],
    [ofProvider({ tfoAzureVMName: "another" }), "tfoAzureVMName"],
    [ofProvider({ diskEncryptionInfo: {} }), "diskEncryptionInfo"],
    [
      ofProvider({ recoveryVirtualMachineScaleSetId: `${SCALE}-uniform` }),
      "recoveryVirtualMachineScaleSetId",
    ],
    [ofProvider({ recoveryCapacityReservationGroupId: `${RESERVED}-gone` }), "there is no"],
    [ofProvider({ recoveryProximityPlacementGroupId: `${NEAR}-west` }), `not in ${NORTH}`],
  ];
  for (const [properties, said] of refusals) {
    const { status, body } = await patch(properties);
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(said)]);
  }
  expect(await tag()).toBe(before);
});

test("an interface gets another name and no acceleration, and two of one name are refused", async () => {
  const [first] = (await shown()).vmNics;
  const ofNic = (fields: object) => patch({ vmNics: [{ nicId: first?.nicId, ...fields }] });
  const name = first?.["recoveryNicName"];
  expect((await ofNic({ recoveryNicName: "front-2", targetNicName: name })).status).toBe(200);
  expect((await ofNic({ enableAcceleratedNetworkingOnRecovery: false })).status).toBe(200);
  expect((await shown()).vmNics[0]).toMatchObject({
    recoveryNicName: "front-2",
    targetNicName: "front-2",
    enableAcceleratedNetworkingOnRecovery: false,
  });
  expect((await ofNic({ recoveryNicName: "front-2", targetNicName: name })).status).toBe(200);
  expect((await shown()).vmNics[0]?.["recoveryNicName"]).toBe(name);
});

test("a scale set, reserved capacity and an account for boot diagnostics are taken, shown, and not together with what excludes them", async () => {
  // There is room for one account in the region.
  const account = app.item.target?.replica?.id;
  const wish = {
    recoveryVirtualMachineScaleSetId: SCALE,
    recoveryCapacityReservationGroupId: RESERVED,
    recoveryBootDiagStorageAccountId: account,
  };
  const answer = await patch(ofProvider(wish));
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  expect(await shown()).toMatchObject(wish);
  const { value } = (await app.records.items.get(itemKeyOf(app.item.machine))) ?? {};
  expect(value?.target?.bootDiagnosticsUri).toMatch(/^https:/);
  const near = await patch(ofProvider({ recoveryProximityPlacementGroupId: NEAR }));
  expect([near.status, JSON.stringify(near.body)]).toEqual([
    400,
    expect.stringContaining("no reserved capacity in proximity placement groups"),
  ]);
});
