import { z } from "zod";
import { begun } from "../begun.ts";
import { armId, sameArmId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { Subnet, VirtualNetwork } from "../model.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { newEtag } from "./etag.ts";
import { checkPointers } from "./reference.ts";
import { requireRoom } from "./usage.ts";
import { type Block, addressOf, blockOf, overlap, textOf, usable, within } from "./ipv4.ts";

const subnetBody = z.object({
  name: z.string().optional(),
  properties: z.looseObject({
    addressPrefix: z.string().optional(),
    addressPrefixes: z.array(z.string()).optional(),
  }),
});
const networkBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z.looseObject({
    addressSpace: z.object({ addressPrefixes: z.array(z.string()).min(1) }),
    subnets: z.array(subnetBody.extend({ name: z.string() })).default([]),
  }),
});

/** Each address that a NIC has in the subnet. */
export function takenIn({ state }: Box, subnet: Subnet): Map<number, string> {
  const taken = new Map<number, string>();
  for (const nic of state.networkInterfaces.all())
    for (const { properties } of nic.properties.ipConfigurations) {
      const address = addressOf(properties.privateIPAddress);
      if (sameArmId(properties.subnet.id, subnet.id) && address !== undefined) taken.set(address, nic.id);
    }
  return taken;
}

/** A subnet by its id, anywhere. */
export const subnetById = (
  { state }: Box,
  id: string,
): { network: VirtualNetwork; subnet: Subnet } | undefined =>
  state.virtualNetworks
    .all()
    .flatMap((network) => network.properties.subnets.map((subnet) => ({ network, subnet })))
    .find(({ subnet }) => sameArmId(subnet.id, id));

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(networkBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const known = box.state.virtualNetworks.get(path.id);
  sameRegion(known, location);
  if (!known) requireRoom(box, location, "VirtualNetworks");
  const id = known?.id ?? armId(path.id);
  const subnets = body.properties.subnets.map(({ name, properties }) => subnetOf(id, name, properties));
  checkSubnets(body.properties.addressSpace.addressPrefixes, subnets);
  for (const subnet of subnets) checkPointers(box, subnet.id, location, subnet.properties);
  for (const gone of known?.properties.subnets ?? [])
    if (!subnets.some(({ name }) => name.toLowerCase() === gone.name.toLowerCase())) refuseInUse(box, gone);
  const network = box.state.virtualNetworks.put({
    id,
    name: known?.name ?? path.name,
    type: "Microsoft.Network/virtualNetworks",
    location,
    tags: body.tags ?? {},
    etag: newEtag(),
    properties: { ...body.properties, subnets, provisioningState: "Updating" },
  });
  return begun(call, network, "network.write", { status: known ? 200 : 201, body: network });
}

export const writeNetwork: Work = {
  run(box, { resource }) {
    const network = box.state.virtualNetworks.get(resource);
    if (!network) return;
    network.properties.provisioningState = "Succeeded";
    for (const subnet of network.properties.subnets) subnet.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const network = box.state.virtualNetworks.get(resource);
    if (network) network.properties.provisioningState = "Failed";
  },
};

function subnetOf(
  network: string,
  name: string,
  properties: z.infer<typeof subnetBody>["properties"],
): Subnet {
  const addressPrefix = properties.addressPrefix ?? properties.addressPrefixes?.[0];
  if (!addressPrefix)
    throw new ArmError(400, "InvalidRequestFormat", `Subnet ${name} has no address prefix.`);
  return {
    id: `${network}/subnets/${name}`,
    name,
    properties: { ...properties, addressPrefix, provisioningState: "Updating" },
  };
}

function checkSubnets(space: readonly string[], subnets: readonly Subnet[]): void {
  const spaces = space.map(blockOf);
  const seen: { name: string; block: Block }[] = [];
  for (const { name, properties } of subnets) {
    const block = blockOf(properties.addressPrefix);
    if (!spaces.some((outer) => within(block, outer)))
      throw new ArmError(
        400,
        "NetcfgInvalidSubnet",
        `Subnet '${name}' is not valid because its IP address range is outside the IP address range of virtual network.`,
      );
    const other = seen.find((before) => overlap(before.block, block));
    if (other)
      throw new ArmError(
        400,
        "NetcfgSubnetRangesOverlap",
        `Subnet '${name}' is not valid because its IP address range overlaps with that of an existing subnet '${other.name}'.`,
      );
    seen.push({ name, block });
  }
}

function refuseInUse(box: Box, subnet: Subnet): void {
  const [user] = takenIn(box, subnet).values();
  if (user)
    throw new ArmError(
      400,
      "InUseSubnetCannotBeDeleted",
      `Subnet ${subnet.name} is in use by ${user} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`,
    );
}

function at({ box, path }: Call): VirtualNetwork {
  const found = box.state.virtualNetworks.get(path.id);
  if (!found) throw resourceNotFound("Microsoft.Network/virtualNetworks", path.name, path.group ?? "");
  return found;
}

/** With who is connected to each subnet. */
function shown({ state }: Box, network: VirtualNetwork) {
  const connected = state.networkInterfaces.all().flatMap((nic) => nic.properties.ipConfigurations);
  const subnets = network.properties.subnets.map((subnet) => {
    const here = connected.filter(({ properties }) => sameArmId(properties.subnet.id, subnet.id));
    const ipConfigurations = here.map(({ id }) => ({ id }));
    return here.length > 0 ? { ...subnet, properties: { ...subnet.properties, ipConfigurations } } : subnet;
  });
  return { ...network, properties: { ...network.properties, subnets } };
}

function startDelete(call: Call): Reply {
  const network = call.box.state.virtualNetworks.get(call.path.id);
  if (!network) return { status: 204 };
  for (const subnet of network.properties.subnets) refuseInUse(call.box, subnet);
  network.properties.provisioningState = "Deleting";
  return begun(call, network, "network.delete", { status: 202 });
}

export const deleteNetwork: Work = { run: (box, { resource }) => box.state.virtualNetworks.delete(resource) };

function checkAddress(call: Call): Reply {
  const text = call.query.get("ipaddress") ?? "";
  const address = addressOf(text);
  if (address === undefined)
    throw new ArmError(400, "InvalidIPAddressFormat", `IP address '${text}' is not in a valid format.`);
  const subnet = at(call).properties.subnets.find(({ properties }) => {
    const block = blockOf(properties.addressPrefix);
    return address >= block.first && address < block.end;
  });
  if (!subnet) return { status: 200, body: { available: false, availableIPAddresses: [] } };
  const { first, end } = usable(blockOf(subnet.properties.addressPrefix));
  const taken = takenIn(call.box, subnet);
  const available = address >= first && address < end && !taken.has(address);
  const free: string[] = [];
  for (let next = first; !available && next < end && free.length < 5; next++)
    if (!taken.has(next)) free.push(textOf(next));
  return { status: 200, body: { available, availableIPAddresses: free } };
}

export const virtualNetworks: Family = {
  type: "Microsoft.Network/virtualNetworks",
  since: "2024-05-01",
  get: (call) => ({ status: 200, body: shown(call.box, at(call)) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.virtualNetworks.under(path.id) } }),
  find: (box, id) => box.state.virtualNetworks.get(id),
  actions: {
    checkipaddressavailability: { method: "GET", run: checkAddress },
    subnets: {
      method: "GET",
      run: (call) => ({ status: 200, body: { value: at(call).properties.subnets } }),
    },
  },
};

function subnetAt(call: Call): Subnet {
  const found = subnetById(call.box, call.path.id);
  if (!found)
    throw resourceNotFound(
      "Microsoft.Network/virtualNetworks/subnets",
      call.path.name,
      call.path.group ?? "",
    );
  return found.subnet;
}

/** Writes one subnet, and leaves the others as they are. */
function putSubnet(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(subnetBody, call.body);
  const network = networkOf(call);
  if (box.operations.busy(network.id))
    throw new ArmError(
      429,
      "RetryableErrorDueToAnotherOperation",
      `Another operation on ${network.id} is in progress.`,
    );
  const before = network.properties.subnets;
  const known = before.find(({ name }) => name.toLowerCase() === path.name.toLowerCase());
  const written = subnetOf(network.id, known?.name ?? path.name, body.properties);
  const after = known ? before.map((one) => (one === known ? written : one)) : [...before, written];
  checkSubnets(network.properties.addressSpace.addressPrefixes, after);
  checkPointers(box, written.id, network.location, written.properties);
  network.properties.subnets = after;
  network.properties.provisioningState = "Updating";
  network.etag = newEtag();
  return begun(call, network, "network.write", { status: known ? 200 : 201, body: written });
}

/** @throws ArmError 404 */
function networkOf({ box, path }: Call): VirtualNetwork {
  const id = path.id.slice(0, path.id.toLowerCase().lastIndexOf("/subnets/"));
  const found = box.state.virtualNetworks.get(id);
  if (!found)
    throw resourceNotFound(
      "Microsoft.Network/virtualNetworks",
      id.slice(id.lastIndexOf("/") + 1),
      path.group ?? "",
    );
  return found;
}

export const subnets: Family = {
  type: "Microsoft.Network/virtualNetworks/subnets",
  since: "2024-05-01",
  get: (call) => ({ status: 200, body: subnetAt(call) }),
  put: putSubnet,
};
