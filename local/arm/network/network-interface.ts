import { z } from "zod";
import { begun } from "../begun.ts";
import { armId, sameArmId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf, invalidReference, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { NetworkInterface, Subnet } from "../model.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { newEtag } from "./etag.ts";
import { addressOf, blockOf, textOf, usable } from "./ipv4.ts";
import { allot } from "./public-address.ts";
import { checkPointers } from "./reference.ts";
import { requireRoom } from "./usage.ts";
import { subnetById, takenIn } from "./virtual-network.ts";

const configurationBody = z.object({
  name: z.string(),
  properties: z.looseObject({
    primary: z.boolean().optional(),
    subnet: z.looseObject({ id: z.string() }),
    publicIPAddress: z.looseObject({ id: z.string() }).optional(),
    privateIPAddress: z.string().optional(),
    privateIPAllocationMethod: z.enum(["Static", "Dynamic"]).default("Dynamic"),
  }),
});
type Configuration = z.infer<typeof configurationBody>;
const interfaceBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z.looseObject({ ipConfigurations: z.array(configurationBody).min(1) }),
});

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(interfaceBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const known = box.state.networkInterfaces.get(path.id);
  sameRegion(known, location);
  if (!known) requireRoom(box, location, "NetworkInterfaces");
  const id = known?.id ?? armId(path.id);
  checkPointers(box, id, location, body.properties);
  for (const { properties } of body.properties.ipConfigurations)
    checkPublic(box, id, location, properties.publicIPAddress?.id);
  const ipConfigurations = body.properties.ipConfigurations.map((wanted, at) =>
    configured(box, id, location, wanted, at, known),
  );
  const nic = box.state.networkInterfaces.put({
    id,
    name: known?.name ?? path.name,
    type: "Microsoft.Network/networkInterfaces",
    location,
    tags: body.tags ?? {},
    etag: newEtag(),
    properties: {
      enableAcceleratedNetworking: false,
      enableIPForwarding: false,
      ...body.properties,
      ipConfigurations,
      ...(known?.properties.virtualMachine && { virtualMachine: known.properties.virtualMachine }),
      provisioningState: "Updating",
    },
  });
  allot(box, id, publicOf(nic));
  return begun(call, nic, "nic.write", { status: known ? 200 : 201, body: nic });
}

/** @throws ArmError 400 when the address is not there or another resource has it. */
function checkPublic(box: Box, nic: string, location: string, id: string | undefined): void {
  if (id === undefined) return;
  const address = box.state.publicAddresses.get(id);
  if (address?.location !== location) throw invalidReference(id, nic);
  const user = address.properties.ipConfiguration?.id;
  if (user && !user.toLowerCase().startsWith(`${nic.toLowerCase()}/`))
    throw new ArmError(
      400,
      "PublicIPAddressInUse",
      `Resource ${nic} is referencing public IP address ${id} that is already allocated to resource ${user}.`,
    );
}

const publicOf = (nic: NetworkInterface) =>
  nic.properties.ipConfigurations.map(({ id, properties }) => ({
    id,
    address: properties.publicIPAddress?.id,
  }));

function configured(
  box: Box,
  nic: string,
  location: string,
  wanted: Configuration,
  at: number,
  known: NetworkInterface | undefined,
): NetworkInterface["properties"]["ipConfigurations"][number] {
  const { subnet: reference, privateIPAddress, privateIPAllocationMethod, primary } = wanted.properties;
  const found = subnetById(box, reference.id);
  if (!found || found.network.location !== location) throw invalidReference(reference.id, nic);
  const before = known?.properties.ipConfigurations.find(
    ({ name, properties }) => name === wanted.name && sameArmId(properties.subnet.id, reference.id),
  );
  const address =
    privateIPAllocationMethod === "Static"
      ? fixed(box, nic, found.subnet, privateIPAddress)
      : (before?.properties.privateIPAddress ?? firstFree(box, found.subnet));
  return {
    id: `${nic}/ipConfigurations/${wanted.name}`,
    name: wanted.name,
    properties: {
      ...wanted.properties,
      primary: primary ?? at === 0,
      subnet: { id: found.subnet.id },
      privateIPAddress: address,
      privateIPAllocationMethod,
      provisioningState: "Succeeded",
    },
  };
}

function fixed(box: Box, nic: string, subnet: Subnet, text = ""): string {
  const address = addressOf(text);
  const refuse = (code: string, why: string) =>
    new ArmError(400, code, `Private static IP address ${text} ${why} subnet ${subnet.name}.`);
  if (address === undefined) throw refuse("InvalidIPAddressFormat", "has an invalid format for");
  const block = blockOf(subnet.properties.addressPrefix);
  if (address < block.first || address >= block.end)
    throw refuse("PrivateIPAddressNotInSubnet", "does not belong to the range of");
  const { first, end } = usable(block);
  if (address < first || address >= end)
    throw refuse("PrivateIPAddressInReservedRange", "falls within the reserved range of");
  const user = takenIn(box, subnet).get(address);
  if (user && !sameArmId(user, nic))
    throw refuse("PrivateIPAddressInUse", `is already allocated to ${user} in`);
  return text;
}

function firstFree(box: Box, subnet: Subnet): string {
  const { first, end } = usable(blockOf(subnet.properties.addressPrefix));
  const taken = takenIn(box, subnet);
  for (let address = first; address < end; address++) if (!taken.has(address)) return textOf(address);
  throw new ArmError(
    400,
    "SubnetIsFull",
    `Subnet ${subnet.name} does not have enough capacity for 1 IP addresses.`,
  );
}

export const writeInterface: Work = {
  run(box, { resource }) {
    const nic = box.state.networkInterfaces.get(resource);
    if (nic) nic.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const nic = box.state.networkInterfaces.get(resource);
    if (nic) nic.properties.provisioningState = "Failed";
  },
};

function at({ box, path }: Call): NetworkInterface {
  const found = box.state.networkInterfaces.get(path.id);
  if (!found) throw resourceNotFound("Microsoft.Network/networkInterfaces", path.name, path.group ?? "");
  return found;
}

function startDelete(call: Call): Reply {
  const nic = call.box.state.networkInterfaces.get(call.path.id);
  if (!nic) return { status: 204 };
  const user = nic.properties.virtualMachine?.id;
  if (user)
    throw new ArmError(
      400,
      "NicInUse",
      `Network Interface ${nic.id} is used by existing resource ${user}. In order to delete the network interface, it must be dissociated from the resource.`,
    );
  nic.properties.provisioningState = "Deleting";
  return begun(call, nic, "nic.delete", { status: 202 });
}

export const deleteInterface: Work = {
  run(box, { resource }) {
    allot(box, resource, []);
    box.state.networkInterfaces.delete(resource);
  },
};

export const networkInterfaces: Family = {
  type: "Microsoft.Network/networkInterfaces",
  since: "2024-05-01",
  get: (call) => ({ status: 200, body: at(call) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.networkInterfaces.under(path.id) } }),
  find: (box, id) => box.state.networkInterfaces.get(id),
};
