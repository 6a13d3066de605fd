import { INSTANT, KINDS } from "./point-choice.js";

/** What the API is sent for what was chosen in a dialog. */

/** Only what was chosen: everything else is left to the app. */
export function enablement({ subscriptionId }, machine, { group, replica, ...wish }) {
  const target = targetOf(wish, replica);
  return {
    properties: {
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: machine.id,
        recoveryResourceGroupId: `/subscriptions/${subscriptionId}/resourceGroups/${group}`,
        ...said({
          recoveryAzureNetworkId: wish.network,
          recoveryAvailabilitySetId: wish.set,
          recoveryAvailabilityZone: wish.zone,
          recoveryVirtualMachineScaleSetId: wish.scaleSet,
          recoveryCapacityReservationGroupId: wish.reservation,
          recoveryProximityPlacementGroupId: wish.proximity,
          recoveryBootDiagStorageAccountId: wish.diagnostics,
          vmManagedDisks: disksOf(wish.disks),
        }),
      },
      leeward: { policy: { replica }, ...(Object.keys(target).length > 0 && { target }) },
    },
  };
}

const targetOf = ({ nics = [], names = [], ...wish }, replica) =>
  said({
    vmName: wish.vmName,
    size: wish.size,
    cacheAccount: wish.cacheAccount,
    cacheAccountSku: wish.cacheSku,
    ...(replica === "warm" && {
      replicaAccount: wish.replicaAccount,
      replicaAccountSku: wish.replicaSku,
    }),
    nics: someOf(nics.map(said).filter((nic) => Object.keys(nic).length > 1)),
    names: someOf(names.filter(({ name }) => name)),
  });

/** Disks that are not named would not be protected: all of them, or none. */
function disksOf(disks = []) {
  if (!disks.some(({ kind, encryptionSet }) => kind || encryptionSet)) return undefined;
  return disks.map(({ id, kind, encryptionSet }) =>
    said({ diskId: id, recoveryTargetDiskAccountType: kind, recoveryDiskEncryptionSetId: encryptionSet }),
  );
}

const someOf = (list) => (list.length > 0 ? list : undefined);

/** Without what was left empty. */
const said = (fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

export const failoverBody = ({ point, at, shutDown, ...wish }) => ({
  properties: {
    failoverDirection: "PrimaryToRecovery",
    sourceSiteOperations: shutDown ? "Required" : "NotRequired",
    ...chosen(point, at, buildOf(wish)),
  },
});

/** It goes to the last write, so no point is chosen. */
export const plannedBody = (wish) => ({
  properties: { failoverDirection: "PrimaryToRecovery", ...chosen(undefined, undefined, buildOf(wish)) },
});

export function changePointBody({ point, at, ...wish }) {
  const { providerSpecificDetails, leeward } = chosen(point, at, buildOf(wish));
  const { recoveryPointId, ...details } = providerSpecificDetails;
  return {
    properties: {
      ...(recoveryPointId && { recoveryPointId }),
      providerSpecificDetails: details,
      ...(leeward && { leeward }),
    },
  };
}

/** Of a recovery plan. Without the id of a network a test gets an isolated one. */
export function planRunBody(run, { shutDown }) {
  if (run === "TestFailoverCleanup") return { properties: {} };
  if (run === "TestFailover") return { properties: { networkType: "VmNetworkAsInput" } };
  if (run === "UnplannedFailover")
    return { properties: { sourceSiteOperations: shutDown ? "Required" : "NotRequired" } };
  return run === "PlannedFailover" ? { properties: {} } : undefined;
}

export const testBody = ({ point, at, network, networkId, ...wish }) => ({
  properties: {
    failoverDirection: "PrimaryToRecovery",
    ...(network === "named" && { networkType: "VmNetworkAsInput", networkId }),
    ...(network && network !== "named" && { networkType: network }),
    ...chosen(point, at, buildOf(wish)),
  },
});

const buildOf = ({ size, acceptUnfit, onlyRunning }) => ({
  ...(size && { size }),
  ...(acceptUnfit && { acceptUnfit }),
  ...(onlyRunning && { bootCheck: "running" }),
});

function chosen(point, at, more) {
  const leeward = {
    ...(point === INSTANT && { at }),
    ...(KINDS.includes(point) && { recoveryPointType: point }),
    ...more,
  };
  const recoveryPointId = point && point !== INSTANT && !KINDS.includes(point) ? point : undefined;
  return {
    providerSpecificDetails: { instanceType: "A2A", ...(recoveryPointId && { recoveryPointId }) },
    ...(Object.keys(leeward).length > 0 && { leeward }),
  };
}
