import type { ArmClient } from "../../engine/azure/arm.ts";
import {
  type NetworkInterface,
  checkIpAddress,
  ensureNetworkInterface,
  findNetworkInterface,
  getVirtualNetwork,
} from "../../engine/azure/network.ts";
import { prefixesOf } from "../../engine/azure/subnet.ts";
import { whyNotIn } from "../../engine/azure/subnet-address.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { lastSegment, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import type { SourceAddress } from "../../engine/recovery/source-nic.ts";
import type { BuiltAddress, BuiltNic } from "../../engine/recovery/target-build.ts";
import {
  networkOf,
  accelerates,
  placeOf,
  roleIn,
  targetNic,
  wantedAddresses,
} from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import type { Services } from "../services.ts";
import type { Copy } from "../../orchestrations/contract.ts";
import { builtOf, noteBuilt } from "./failover-note.ts";
import { sent } from "./target.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

export const nicActivities = {
  /** What became of each address is written down before the interface is made: a second run finds it taken by itself. */
  async createNic({ nic: at, ...copy }, { services }) {
    const { machine, test } = copy;
    const item = await itemOf(services, machine);
    const arm = armFor(services, { test });
    const target = copyOf(item, { test });
    const nic = sourceOf(item).nics[at];
    if (!nic) throw new LeewardError("NotFound", `machine ${machine} has no network interface ${at}`);
    const place = placeOf(target, nic);
    const id = targetNic(target, nic.name);
    const there = await findNetworkInterface(arm, id);
    // Where a failover would go, a test must not take the address that it will want.
    const intrudes = test && sameArmId(networkOf(place.subnet), targetOf(item).network);
    const all = wantedAddresses(nic, place);
    const wanted = intrudes ? all.map((one) => ({ ...one, address: undefined })) : all;
    const addresses = await chosenIn(arm, place.subnet, wanted, there);
    await noteNic(services, copy, { name: nic.name, id, addresses });
    const spec = {
      id,
      location: target.region,
      subnet: place.subnet,
      addresses: wanted.map(({ name, version }, n) => ({ name, version, address: addresses[n]?.given })),
      networkSecurityGroup: place.networkSecurityGroup,
      applicationSecurityGroups: place.applicationSecurityGroups,
      enableAcceleratedNetworking: accelerates(nic, place) && builtOf(item, copy)?.fit?.accelerates !== false,
      enableIpForwarding: nic.ipForwarding,
      dnsServers: nic.dnsServers,
      owner: { machine, role: roleIn(target, "nic") },
    };
    const used = there?.properties.virtualMachine !== undefined && there.properties.virtualMachine !== null;
    return sent(await ensureNetworkInterface(arm, spec, used ? "keep" : "write"));
  },
} satisfies Partial<Implementations>;

/** The source's own addresses where the subnet has them free; otherwise the subnet gives one, and why is said. */
async function chosenIn(
  arm: ArmClient,
  subnet: ArmId,
  wanted: readonly SourceAddress[],
  there: NetworkInterface | undefined,
): Promise<BuiltAddress[]> {
  const network = networkOf(subnet);
  const found = await getVirtualNetwork(arm, network);
  const place = found.properties.subnets.find((one) => sameArmId(one.id, subnet))?.properties;
  if (!place)
    throw new LeewardError("ArmFailed", `the network ${network} has no subnet ${lastSegment(subnet)}`);
  const prefixes = prefixesOf({ properties: place });
  const own = (there?.properties.ipConfigurations ?? []).map((one) => one.properties.privateIPAddress);
  return Promise.all(
    wanted.map(async ({ name, version, address }): Promise<BuiltAddress> => {
      if (address === undefined) return { name };
      const why =
        version === "IPv6"
          ? "an IPv6 address is the subnet's to give"
          : (whyNotIn(address, prefixes) ??
            (own.includes(address) ? undefined : await whyTaken(arm, network, address)));
      return { name, wanted: address, ...(why === undefined ? { given: address } : { why }) };
    }),
  );
}

/** What Azure refuses to answer is an answer as well: without the address the machine comes up all the same. */
async function whyTaken(arm: ArmClient, network: ArmId, address: string): Promise<string | undefined> {
  try {
    const { available } = await checkIpAddress(arm, network, address);
    return available ? undefined : `${address} is taken in ${lastSegment(network)}`;
  } catch (error) {
    if (error instanceof LeewardError && hasCode(error, "ArmFailed")) return error.message;
    throw error;
  }
}

const noteNic = (services: Services, copy: Copy, built: BuiltNic): Promise<void> =>
  noteBuilt(services, copy, ({ nics = [] }) => ({
    nics: [...nics.filter(({ name }) => name !== built.name), built],
  }));
