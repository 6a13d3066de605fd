import { z } from "zod";
import { begun } from "../begun.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { PublicAddress } from "../model.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { newEtag } from "./etag.ts";
import { requireRoom } from "./usage.ts";
import { addressOf, textOf } from "./ipv4.ts";

const TYPE = "Microsoft.Network/publicIPAddresses";
/** A block for documentation: nothing in the world answers there. */
const FIRST = addressOf("198.51.100.1") ?? 0;

const addressBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.enum(["Basic", "Standard"]) }).default({ name: "Basic" }),
  zones: z.array(z.string()).optional(),
  properties: z
    .looseObject({ publicIPAllocationMethod: z.enum(["Static", "Dynamic"]).default("Dynamic") })
    .prefault({}),
});

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(addressBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const known = box.state.publicAddresses.get(path.id);
  sameRegion(known, location);
  const { publicIPAllocationMethod } = body.properties;
  if (!known) requireRoom(box, location, "PublicIPAddresses");
  if (!known && publicIPAllocationMethod === "Static") requireRoom(box, location, "StaticPublicIPAddresses");
  if (body.sku.name === "Standard" && publicIPAllocationMethod === "Dynamic")
    throw new ArmError(
      400,
      "PublicIPAddressStandardSkuMustBeStatic",
      `Standard sku publicIp ${path.id} must have AllocationMethod set to Static.`,
    );
  const address = box.state.publicAddresses.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: TYPE,
    location,
    tags: body.tags ?? {},
    etag: newEtag(),
    sku: { tier: "Regional", ...body.sku },
    ...(body.zones && { zones: body.zones }),
    properties: {
      publicIPAddressVersion: "IPv4",
      idleTimeoutInMinutes: 4,
      ...body.properties,
      ...(publicIPAllocationMethod === "Static" && { ipAddress: known?.properties.ipAddress ?? free(box) }),
      ...(known?.properties.ipConfiguration && { ipConfiguration: known.properties.ipConfiguration }),
      provisioningState: "Updating",
    },
  });
  return begun(call, address, "public-address.write", { status: known ? 200 : 201, body: address });
}

function free(box: Box): string {
  const taken = new Set(box.state.publicAddresses.all().map(({ properties }) => properties.ipAddress));
  let next = FIRST;
  while (taken.has(textOf(next))) next++;
  return textOf(next);
}

const at = (call: Call): PublicAddress => existing(call.box.state.publicAddresses, TYPE, call);

function startDelete(call: Call): Reply {
  const address = call.box.state.publicAddresses.get(call.path.id);
  if (!address) return { status: 204 };
  const user = address.properties.ipConfiguration?.id;
  if (user)
    throw new ArmError(
      400,
      "PublicIPAddressCannotBeDeleted",
      `Public IP address ${address.id} can not be deleted since it is still allocated to resource ${user}.`,
    );
  address.properties.provisioningState = "Deleting";
  return begun(call, address, "public-address.delete", { status: 202 });
}

const settled =
  (state: string) =>
  (box: Box, { resource }: { readonly resource: string }): void => {
    const known = box.state.publicAddresses.get(resource);
    if (known) known.properties.provisioningState = state;
  };

export const publicAddressWorks: Readonly<Record<string, Work>> = {
  "public-address.write": { run: settled("Succeeded"), failed: settled("Failed") },
  "public-address.delete": { run: (box, { resource }) => box.state.publicAddresses.delete(resource) },
};

/** Gives the addresses that a NIC's configurations name to them, and takes back what they no longer name. */
export function allot(
  box: Box,
  nic: string,
  wanted: readonly { id: string; address: string | undefined }[],
): void {
  for (const { properties } of box.state.publicAddresses.all())
    if (properties.ipConfiguration?.id.toLowerCase().startsWith(`${nic.toLowerCase()}/`))
      delete properties.ipConfiguration;
  for (const { id, address } of wanted) {
    const found = box.state.publicAddresses.get(address ?? "");
    if (found) found.properties.ipConfiguration = { id };
  }
}

export const publicAddresses: Family = {
  type: TYPE,
  since: "2024-05-01",
  get: (call) => ({ status: 200, body: at(call) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.publicAddresses.under(path.id) } }),
  find: (box, id) => box.state.publicAddresses.get(id),
};
