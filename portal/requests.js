import * as api from "./api.js";
import { RUNS } from "./recovery-plans.js";
import {
  changePointBody,
  enablement,
  failoverBody,
  planRunBody,
  plannedBody,
  testBody,
} from "./request-bodies.js";

/**
 * What a person can have done. Each sends one request through `request(title, work, message)`.
 * @param configOf the app's vault, once it is known
 */
export const requestsBy = (request, configOf) => ({
  ...ofMachines(request, configOf),
  ...ofGroups(request, configOf),
  ...ofPlans(request),
});

const ofMachines = (request, configOf) => ({
  enable: (machine, wish) =>
    request(`Protection of ${machine.name} was started.`, () =>
      api.put(api.itemPath(configOf(), wish.name), enablement(configOf(), machine, wish)),
    ),
  disable: (item, { purge, keepPoints }) =>
    request(`The end of the protection of ${item.name} was begun.`, () =>
      purge
        ? api.remove(item.id)
        : api.post(`${item.id}/remove`, {
            properties: { disableProtectionReason: "NotSpecified", leeward: { keepPoints } },
          }),
    ),
  upgrade: (item) =>
    request(`An upgrade of the agent of ${item.name} was started.`, () =>
      api.post(`${item.id}/updateMobilityService`, { properties: {} }),
    ),
  resync: (item) =>
    request(
      `A resync of ${item.name} was begun.`,
      () => api.post(`${item.id}/repairReplication`, {}),
      "How far it is appears with the machine.",
    ),
  dismissError: (item, { errorId, errorCode }) =>
    request(`${errorCode} of ${item.name} was dismissed.`, () =>
      api.post(`${item.id}/resolveHealthErrors`, {
        properties: { healthErrors: [{ healthErrorId: errorId }] },
      }),
    ),
  test: (item, wish) =>
    request(
      `A test failover of ${item.name} was started.`,
      () => api.post(`${item.id}/testFailover`, testBody(wish)),
      "Clean it up when you have seen enough.",
    ),
  drill: (item) =>
    request(
      `A drill of ${item.name} was started.`,
      () => api.post(`${item.id}/leewardDrill`, {}),
      "It is cleaned up by itself; what it came to appears with the machine.",
    ),
  cleanUpTest: (item, comments) =>
    request(`The clean-up of the test of ${item.name} was started.`, () =>
      api.post(`${item.id}/testFailoverCleanup`, { properties: comments ? { comments } : {} }),
    ),
  failover: (item, wish) =>
    request(`The failover of ${item.name} was started.`, () =>
      api.post(`${item.id}/unplannedFailover`, failoverBody(wish)),
    ),
  plannedFailover: (item, wish) =>
    request(`The planned failover of ${item.name} was started.`, () =>
      api.post(`${item.id}/plannedFailover`, plannedBody(wish)),
    ),
  cancelFailover: (item) =>
    request(`The failover of ${item.name} is being taken back.`, () =>
      api.post(`${item.id}/failoverCancel`, {}),
    ),
  commit: (item) =>
    request(`The commit of ${item.name} was started.`, () => api.post(`${item.id}/failoverCommit`, {})),
  changePoint: (item, wish) =>
    request(`${item.name} is being built from another recovery point.`, () =>
      api.post(`${item.id}/applyRecoveryPoint`, changePointBody(wish)),
    ),
  reprotect: (item) =>
    request(`${item.name} is being protected the other way.`, () =>
      api.post(`${item.id}/reProtect`, {
        properties: {
          failoverDirection: "RecoveryToPrimary",
          providerSpecificDetails: { instanceType: "A2A" },
        },
      }),
    ),
});

const ofGroups = (request, configOf) => ({
  createGroup: (name, settings) =>
    request(
      `The group ${name} was made.`,
      () => api.put(api.groupPath(configOf(), name), { properties: { settings } }),
      "Machines join it from their own cards.",
    ),
  joinGroup: (item, group) =>
    request(
      `${item.name} belongs to ${group} now.`,
      () => api.post(`${item.id}/joinGroup`, { properties: { multiVmGroupName: group } }),
      "It takes part from the next common barrier on.",
    ),
  leaveGroup: (item, group) =>
    request(
      `${item.name} has left ${group}.`,
      () => api.post(`${item.id}/leaveGroup`, {}),
      "It goes on with recovery points of its own.",
    ),
  deleteGroup: (group) =>
    request(
      `The group ${group.name} was deleted.`,
      () => api.remove(group.id),
      "Its machines go on as they were.",
    ),
});

const ofPlans = (request) => ({
  runPlan: (plan, run, wish) =>
    request(`${plan.name} is being run.`, () =>
      api.post(`${plan.id}/${RUNS[run].path}`, planRunBody(run, wish)),
    ),
  resumeJob: ({ id, properties }) =>
    request(
      `${properties.targetObjectName} goes on.`,
      () => api.post(`${id}/resume`, { properties: {} }),
      "",
    ),
});
