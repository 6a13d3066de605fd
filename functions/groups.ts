import type { HttpResponseInit } from "@azure/functions";
import {
  type GroupPointResource,
  type GroupResource,
  groupFailoverRequest,
  joinGroupRequest,
} from "../engine/contract/group.ts";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import { type GroupRecord, groupIdFor, groupSettings, newGroup } from "../engine/recovery/group.ts";
import { lastSegment, vaultOf } from "../engine/recovery/item.ts";
import { readGroupPoints } from "../engine/replication/group-points.ts";
import { z } from "zod";
import { findItem } from "./begin.ts";
import { failOverGroup } from "./group-failover.ts";
import { type GroupPointState, standingsOf } from "./group-standing.ts";
import { type Call, bodyOf, durableRoute, route } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { RETRY_AFTER } from "./lro.ts";
import { groupNamed, joinGroup, leaveGroup } from "./membership.ts";
import { PATHS, groupIn, itemIn, vaultIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;
const change = { role: "Operator", versioned: true } as const;

const settingsBody = z.strictObject({
  properties: z.strictObject({ settings: groupSettings.prefault({}) }).prefault({}),
});

route("putGroup", { ...change, method: "PUT", path: PATHS.group }, async (call) => {
  const id = groupIn(call.request);
  const { settings } = (await bodyOf(call.request, settingsBody)).properties;
  const group = await call.services.records.groups.upsert(groupIdFor(id), (old = newGroup(id, settings)) => ({
    ...old,
    settings,
  }));
  return { jsonBody: view(group) };
});

route("listGroups", { ...read, path: PATHS.groups }, async (call) => {
  const vault = vaultIn(call.request);
  const value: GroupResource[] = [];
  for await (const group of call.services.records.groups.list())
    if (sameArmId(vaultOf(group.id), vault)) value.push(view(group));
  return { jsonBody: { value, nextLink: null } };
});

route("getGroup", { ...read, path: PATHS.group }, async (call) => ({
  jsonBody: view(await findGroup(call)),
}));

/** Newest first. */
route("listGroupPoints", { ...read, path: `${PATHS.group}/recoveryPoints` }, async (call) => {
  const group = await findGroup(call);
  const points = await readGroupPoints(call.services.target, group.group);
  const standing = await standingsOf(call.services, points);
  const value = points.toReversed().map((point) => viewPoint(group, point, standing(point)));
  return { jsonBody: { value, nextLink: null } };
});

durableRoute(
  "failOverGroup",
  { method: "POST", path: `${PATHS.group}/failover`, role: "Admin", versioned: true },
  async (call) => {
    const group = await findGroup(call);
    const { recoveryPointId: point, ...choice } = (await bodyOf(call.request, groupFailoverRequest))
      .properties;
    const job = await failOverGroup(call.services, call.client, group, askedIn(call), { ...choice, point });
    return acceptedJob(call, group, job.operation);
  },
);

durableRoute("joinGroup", { ...change, method: "POST", path: `${PATHS.item}/joinGroup` }, async (call) => {
  const item = await findItem(call.services, itemIn(call.request));
  const { multiVmGroupName } = (await bodyOf(call.request, joinGroupRequest)).properties;
  await joinGroup(call.services, item, groupNamed(item.id, multiVmGroupName));
  return { jsonBody: await viewItem(call, await findItem(call.services, item.id)) };
});

durableRoute("leaveGroup", { ...change, method: "POST", path: `${PATHS.item}/leaveGroup` }, async (call) => {
  const item = await findItem(call.services, itemIn(call.request));
  await leaveGroup(call.services, item);
  return { jsonBody: await viewItem(call, await findItem(call.services, item.id)) };
});

/** @throws NotFound */
async function findGroup({ request, services }: Call): Promise<GroupRecord> {
  const id = groupIn(request);
  const found = await services.records.groups.get(groupIdFor(id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return found.value;
}

/** Both places say the same: a group's job has no other result. */
function acceptedJob({ request, services }: Call, { id }: GroupRecord, operation: string): HttpResponseInit {
  const version = request.query.get("api-version") ?? "";
  const path = `${vaultOf(id)}/replicationOperationStatus/${operation}`;
  const status = `${services.settings.publicUrl}${encodeURI(path)}?api-version=${version}`;
  return {
    status: 202,
    headers: { "azure-asyncoperation": status, location: status, "retry-after": RETRY_AFTER },
  };
}

const view = ({ id, group, settings, members, newest, missed, failover }: GroupRecord): GroupResource => ({
  id,
  name: lastSegment(id),
  type: "Microsoft.RecoveryServices/vaults/leewardGroups",
  properties: {
    multiVmGroupId: group,
    settings,
    members: members.map(({ machine, joinedAt }) => ({ machine, joinedTime: toIso(joinedAt) })),
    latestPoint: newest ? { ...newest, time: toIso(newest.time) } : null,
    missed: missed ? { time: toIso(missed.time), message: missed.why } : null,
    failover: failover ? { job: failover.operation, point: failover.point } : null,
  },
});

const viewPoint = (group: GroupRecord, point: GroupPoint, state: GroupPointState): GroupPointResource => ({
  id: `${group.id}/recoveryPoints/${point.id}`,
  name: point.id,
  properties: {
    recoveryPointTime: toIso(point.time),
    recoveryPointType: point.consistency === "crash" ? "CrashConsistent" : "AppConsistent",
    state,
    hold: point.hold,
    members: point.members.map(({ machine, generation, sequence }) => ({ machine, generation, sequence })),
  },
});
