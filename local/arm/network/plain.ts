import { z } from "zod";
import { begun } from "../begun.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { PlainResource } from "../model.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import type { State, Table } from "../state.ts";
import { newEtag } from "./etag.ts";

export interface Plain {
  /** As Azure spells it. */
  readonly type: string;
  table(state: State): Table<PlainResource>;
  /** Prefix of its operations in `works.ts`. */
  readonly kind: string;
  /** What Azure adds to the properties that were written. */
  complete?(id: string, properties: Record<string, unknown>): Record<string, unknown>;
  /** Who points to it: it cannot be deleted then. */
  user(box: Box, id: string): string | undefined;
  /** What a reader sees besides. */
  seen?(box: Box, id: string): Record<string, unknown>;
  /** Azure's code for that refusal. */
  readonly inUse: string;
}

const plainBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.string() }).optional(),
  zones: z.array(z.string()).optional(),
  properties: z.looseObject({}).prefault({}),
});

/** Resources of the network that others point to, and that do nothing by themselves. */
export function plainFamily(plain: Plain): { readonly family: Family; readonly works: Record<string, Work> } {
  const { type, kind } = plain;
  const tableOf = (box: Box) => plain.table(box.state);
  const found = (call: Call): PlainResource => {
    const resource = tableOf(call.box).get(call.path.id);
    if (!resource) throw resourceNotFound(type, call.path.name, call.path.group ?? "");
    return resource;
  };
  const settled =
    (state: string) =>
    (box: Box, { resource }: { resource: string }) => {
      const known = tableOf(box).get(resource);
      if (known) known.properties.provisioningState = state;
    };
  const seen = (box: Box, { properties, ...resource }: PlainResource) => ({
    ...resource,
    properties: { ...properties, ...plain.seen?.(box, resource.id) },
  });
  const family: Family = {
    type,
    since: "2024-05-01",
    get: (call) => ({ status: 200, body: seen(call.box, found(call)) }),
    put: (call) => put(plain, call),
    patch: (call) => patchTags(found(call), call, () => found(call)),
    delete: (call) => startDelete(plain, call),
    list: ({ box, path }) => ({ status: 200, body: { value: tableOf(box).under(path.id) } }),
    find: (box, id) => tableOf(box).get(id),
  };
  return {
    family,
    works: {
      [`${kind}.write`]: { run: settled("Succeeded"), failed: settled("Failed") },
      [`${kind}.delete`]: { run: (box, { resource }) => tableOf(box).delete(resource) },
    },
  };
}

function put(plain: Plain, call: Call): Reply {
  const { box, path } = call;
  const { properties, ...body } = bodyOf(plainBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const table = plain.table(box.state);
  const known = table.get(path.id);
  sameRegion(known, location);
  const id = known?.id ?? armId(path.id);
  const resource = table.put({
    ...body,
    id,
    name: known?.name ?? path.name,
    type: plain.type,
    location,
    tags: body.tags ?? {},
    etag: newEtag(),
    properties: { ...(plain.complete?.(id, properties) ?? properties), provisioningState: "Updating" },
  });
  return begun(call, resource, `${plain.kind}.write`, { status: known ? 200 : 201, body: resource });
}

function startDelete(plain: Plain, call: Call): Reply {
  const resource = plain.table(call.box.state).get(call.path.id);
  if (!resource) return { status: 204 };
  const user = plain.user(call.box, resource.id);
  if (user)
    throw new ArmError(
      400,
      plain.inUse,
      `${resource.id} cannot be deleted because it is in use by the following resource: ${user}.`,
    );
  resource.properties.provisioningState = "Deleting";
  return begun(call, resource, `${plain.kind}.delete`, { status: 202 });
}
