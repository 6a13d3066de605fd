import { z } from "zod";
import { begun } from "../begun.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family } from "../call.ts";
import { allot } from "../network/public-address.ts";
import type { Group, Resource } from "../model.ts";
import type { Work } from "../operations.ts";
import { removeMachine } from "../compute/power.ts";
import { removeDisk } from "../compute/disk-file.ts";
import { removeSnapshot } from "../compute/snapshot-work.ts";
import { regionOf } from "../region.ts";
import { patchTags } from "./tags.ts";

const groupBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
});

/** @throws ArmError 404 in ARM's words. */
export function groupAt(
  box: Box,
  path: { readonly subscription: string; readonly group: string | undefined },
): Group {
  const name = path.group ?? "";
  const found = box.state.groups.get(`/subscriptions/${path.subscription}/resourceGroups/${name}`);
  if (!found)
    throw new ArmError(404, "ResourceGroupNotFound", `Resource group '${name}' could not be found.`);
  return found;
}

function put(call: Call) {
  const { box, path } = call;
  const { location, tags } = bodyOf(groupBody, call.body);
  const region = regionOf(box, location, path.type);
  const known = box.state.groups.get(path.id);
  if (known && known.location !== region)
    throw new ArmError(
      409,
      "InvalidResourceGroupLocation",
      `Invalid resource group location '${location}'. The Resource group already exists in location '${known.location}'.`,
    );
  const group = box.state.groups.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: "Microsoft.Resources/resourceGroups",
    location: region,
    tags: tags ?? {},
    properties: { provisioningState: "Succeeded" },
  });
  return { status: known ? 200 : 201, body: group };
}

function startDelete(call: Call) {
  const group = groupAt(call.box, call.path);
  group.properties.provisioningState = "Deleting";
  return begun(call, group, "group.delete", { status: 202 });
}

/** Everything below a group, in the order in which it can be deleted. */
function contents({ state }: Box, id: string): Resource[] {
  const tables = [
    state.vmExtensions,
    state.virtualMachines,
    state.availabilitySets,
    state.networkInterfaces,
    state.publicAddresses,
    state.disks,
    state.snapshots,
    state.virtualNetworks,
    state.securityGroups,
    state.routeTables,
    state.natGateways,
    state.applicationSecurityGroups,
    state.storageAccounts,
  ];
  return tables.flatMap((table): Resource[] => table.under(id));
}

/** By tag, the one filter that is modelled. As Azure has it, tags are not shown then. */
function filtered(all: readonly Resource[], filter: string | null): Resource[] {
  if (filter === null) return [...all];
  const [, name = "", value] = /^tagName eq '([^']+)' and tagValue eq '([^']*)'$/.exec(filter) ?? [];
  if (!name)
    throw new ArmError(
      400,
      "InvalidFilterInQueryString",
      `Invalid $filter '${filter}' specified in the query string.`,
    );
  return all.filter(({ tags }) => tags[name] === value).map((one) => ({ ...one, tags: {} }));
}

const listed = ({ id, name, type, location, tags }: Resource) => ({ id, name, type, location, tags });

export const resourceGroups: Family = {
  type: "Microsoft.Resources/resourceGroups",
  since: "2024-07-01",
  get: (call) => ({ status: 200, body: groupAt(call.box, call.path) }),
  head: (call) => ({ status: call.box.state.groups.get(call.path.id) ? 204 : 404 }),
  put,
  patch: (call) => patchTags(groupAt(call.box, call.path), call, () => groupAt(call.box, call.path)),
  delete: startDelete,
  actions: {
    resources: {
      method: "GET",
      run: ({ box, path, query }) => ({
        status: 200,
        body: { value: filtered(contents(box, groupAt(box, path).id), query.get("$filter")).map(listed) },
      }),
    },
  },
};

export const deleteGroup: Work = {
  async run(box, { resource: id }) {
    for (const machine of box.state.virtualMachines.under(id)) await removeMachine(box, machine);
    for (const disk of box.state.disks.under(id)) removeDisk(box, disk);
    for (const snapshot of box.state.snapshots.under(id)) removeSnapshot(box, snapshot);
    const { state } = box;
    for (const nic of state.networkInterfaces.under(id)) allot(box, nic.id, []);
    for (const table of [
      state.availabilitySets,
      state.networkInterfaces,
      state.publicAddresses,
      state.virtualNetworks,
      state.securityGroups,
      state.routeTables,
      state.natGateways,
      state.applicationSecurityGroups,
      state.storageAccounts,
    ])
      for (const { id: inside } of table.under(id)) table.delete(inside);
    box.state.groups.delete(id);
  },
};
