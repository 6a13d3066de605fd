import { z } from "zod";
import { armId } from "../../../engine/core/ids.ts";
import { bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";

const groupBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z
    .looseObject({ securityRules: z.array(z.looseObject({ name: z.string() })).default([]) })
    .prefault({}),
});

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(groupBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const known = box.state.securityGroups.get(path.id);
  sameRegion(known, location);
  const group = box.state.securityGroups.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: "Microsoft.Network/networkSecurityGroups",
    location,
    tags: body.tags ?? {},
    properties: { ...body.properties, provisioningState: "Updating" },
  });
  const operation = box.operations.start({
    kind: "security-group.write",
    resource: group.id,
    location,
    namespace: "Microsoft.Network",
  });
  return { status: known ? 200 : 201, body: group, operation: { operation, style: "status" } };
}

export const writeSecurityGroup: Work = {
  run(box, { resource }) {
    const group = box.state.securityGroups.get(resource);
    if (group) group.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const group = box.state.securityGroups.get(resource);
    if (group) group.properties.provisioningState = "Failed";
  },
};

function at({ box, path }: Call) {
  const found = box.state.securityGroups.get(path.id);
  if (!found) throw resourceNotFound("Microsoft.Network/networkSecurityGroups", path.name, path.group ?? "");
  return found;
}

function startDelete(call: Call): Reply {
  const group = call.box.state.securityGroups.get(call.path.id);
  if (!group) return { status: 204 };
  group.properties.provisioningState = "Deleting";
  const operation = call.box.operations.start({
    kind: "security-group.delete",
    resource: group.id,
    location: group.location,
    namespace: "Microsoft.Network",
  });
  return { status: 202, operation: { operation, style: "location" } };
}

export const deleteSecurityGroup: Work = {
  run: (box, { resource }) => box.state.securityGroups.delete(resource),
};

export const securityGroups: Family = {
  type: "Microsoft.Network/networkSecurityGroups",
  since: "2024-05-01",
  get: (call) => ({ status: 200, body: at(call) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.securityGroups.under(path.id) } }),
  find: (box, id) => box.state.securityGroups.get(id),
};
