/** Of one kind, in the group that `groupId` names. */
export const id = (type: string, name = "x") => `/subscriptions/s/resourceGroups/g/providers/${type}/${name}`;

export const groupId = "/subscriptions/s/resourceGroups/g";

export const details = (more: object = {}, beside: object = {}) => ({
  properties: { ...beside, providerSpecificDetails: { instanceType: "A2A", ...more } },
});

export const disk = (more: object = {}) => ({ diskId: id("Microsoft.Compute/disks"), ...more });

/** A protection intent with what it needs. */
export const intent = (more: object = {}) =>
  details({
    fabricObjectId: id("Microsoft.Compute/virtualMachines"),
    primaryLocation: "East US",
    recoveryLocation: "westus2",
    recoverySubscriptionId: "s",
    recoveryAvailabilityType: "Single",
    recoveryResourceGroupId: groupId,
    ...more,
  });
