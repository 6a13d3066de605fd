import type { HttpResponseInit } from "@azure/functions";
import {
  type DamagedGroupPoint,
  type GroupPointResource,
  type GroupResource,
  groupFailoverRequest,
  joinGroupRequest,
} from "../engine/contract/group.ts";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import type { GroupPointPlace } from "../engine/journal/names.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import {
  type GroupRecord,
  type MemberRecord,
  groupIdFor,
  groupSettings,
  newGroup,
} from "../engine/recovery/group.ts";
import { lastSegment, vaultOf } from "../engine/recovery/item.ts";
import { type UnreadableGroupPoint, groupPlaces, groupPointAt, groupPointsAt } from "./group-points.ts";
import { z } from "zod";
import { findItem } from "./find-item.ts";
import { checkIdle, failOverGroup } from "./group-failover.ts";
import { type GroupPointState, standingsOf } from "./group-standing.ts";
import { type Call, bodyOf, durableRoute, route } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { RETRY_AFTER } from "./lro.ts";
import { deleteGroup, groupNamed, joinGroup, leaveGroup, membersOf } from "./membership.ts";
import { PATHS, groupIn, itemIn, vaultIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import { sliceOf } from "./vault/paging.ts";

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
  return { jsonBody: await view(call, group) };
});

/** Only without members: nobody is to find out by an accident that common points are no longer made. Its points go with it. */
route("deleteGroup", { ...change, method: "DELETE", path: PATHS.group }, async (call) => {
  const found = await call.services.records.groups.get(groupIdFor(groupIn(call.request)));
  if (!found) return { status: 204 };
  await checkIdle(call.services, found.value);
  await deleteGroup(call.services, found.value);
  return { status: 200 };
});

route("listGroups", { ...read, path: PATHS.groups }, async (call) => {
  const vault = vaultIn(call.request);
  const value: GroupResource[] = [];
  for await (const group of call.services.records.groups.list())
    if (sameArmId(vaultOf(group.id), vault)) value.push(await view(call, group));
  return { jsonBody: { value, nextLink: null } };
});

route("getGroup", { ...read, path: PATHS.group }, async (call) => ({
  jsonBody: await view(call, await findGroup(call)),
}));

/** All of them, by machine. */
route("listGroupMembers", { ...read, path: `${PATHS.group}/leewardMembers` }, async (call) => {
  const { group } = await findGroup(call);
  const members = await membersOf(call.services, group);
  const { page, nextLink } = sliceOf(call, members, ({ machine }) => machine, { most: MOST_MEMBERS });
  return { jsonBody: { value: page.map(viewMember), nextLink } };
});

/** Newest first. What state they are in costs two calls for each member, so a page is short. */
route("listGroupPoints", { ...read, path: `${PATHS.group}/recoveryPoints` }, async (call) => {
  const group = await findGroup(call);
  const places = await groupPlaces(call.services, group.group);
  const { page, nextLink } = sliceOf(call, places, orderOf, { descending: true, most: MOST_POINTS });
  const { points, unreadable } = await groupPointsAt(call.services, page);
  const standing = await standingsOf(call.services, points);
  return {
    jsonBody: {
      value: points.map((point) => viewPoint(group, point, standing(point))),
      leewardDamaged: unreadable.map((one) => viewDamaged(group, one)),
      nextLink,
    },
  };
});

/** With all its members. */
route("getGroupPoint", { ...read, path: `${PATHS.group}/recoveryPoints/{point}` }, async (call) => {
  const group = await findGroup(call);
  const places = await groupPlaces(call.services, group.group);
  const place = places.find(({ id }) => id === call.param("point").toLowerCase());
  if (!place) throw new LeewardError("NotFound", `group ${lastSegment(group.id)} has no such recovery point`);
  const point = await groupPointAt(call.services, place);
  const standing = await standingsOf(call.services, [point]);
  return { jsonBody: viewPoint(group, point, standing(point), point.members.length) };
});

durableRoute(
  "failOverGroup",
  { method: "POST", path: `${PATHS.group}/failover`, role: "Admin", versioned: true },
  async (call) => {
    const group = await findGroup(call);
    const { recoveryPointId: point, ...choice } = (await bodyOf(call.request, groupFailoverRequest))
      .properties;
    const { job } = await failOverGroup(call.services, call.client, group, askedIn(call), {
      ...choice,
      point,
    });
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

/** So many members are in a group's, and in a point's, own resource. */
const NAMED = 100;
const orderOf = ({ time, id }: GroupPointPlace): string => `${String(time).padStart(17, "0")}-${id}`;

const MOST_MEMBERS = 1000;
const MOST_POINTS = 20;

async function view(
  { services }: Call,
  { id, group, settings, newest, missed, failover }: GroupRecord,
): Promise<GroupResource> {
  const members = await membersOf(services, group);
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/leewardGroups",
    properties: {
      multiVmGroupId: group,
      settings,
      memberCount: members.length,
      members: members.slice(0, NAMED).map(viewMember),
      latestPoint: newest ? { ...newest, time: toIso(newest.time) } : null,
      missed: missed ? { time: toIso(missed.time), message: missed.why } : null,
      failover: failover ? { job: failover.operation, point: failover.point } : null,
    },
  };
}

const viewMember = ({ machine, joinedAt }: MemberRecord) => ({ machine, joinedTime: toIso(joinedAt) });

const viewDamaged = ({ id }: GroupRecord, { place, error }: UnreadableGroupPoint): DamagedGroupPoint => ({
  id: `${id}/recoveryPoints/${place.id}`,
  name: place.id,
  recoveryPointTime: toIso(place.time),
  code: error.code,
  message: messageOf(error),
  remedy: error.remedy,
});

const viewPoint = (
  group: GroupRecord,
  point: GroupPoint,
  state: GroupPointState,
  named = NAMED,
): GroupPointResource => ({
  id: `${group.id}/recoveryPoints/${point.id}`,
  name: point.id,
  properties: {
    recoveryPointTime: toIso(point.time),
    recoveryPointType: point.consistency === "crash" ? "CrashConsistent" : "AppConsistent",
    state,
    hold: point.hold,
    memberCount: point.members.length,
    members: point.members
      .slice(0, named)
      .map(({ machine, generation, sequence }) => ({ machine, generation, sequence })),
  },
});
