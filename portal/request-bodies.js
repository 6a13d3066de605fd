import { INSTANT, KINDS } from "./point-choice.js";

/** What the API is sent for what was chosen in a dialog. */

export const enablement = ({ subscriptionId }, machine, { group, replica }) => ({
  properties: {
    providerSpecificDetails: {
      instanceType: "A2A",
      fabricObjectId: machine.id,
      recoveryResourceGroupId: `/subscriptions/${subscriptionId}/resourceGroups/${group}`,
    },
    leeward: { policy: { replica } },
  },
});

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
