import type { NetworkInterface } from "../azure/network.ts";
import type { Found } from "../recovery/findings.ts";
import type { Survey } from "./survey.ts";

/** The extension by which Leeward itself is installed. */
const OWN_EXTENSION = "leewardagent";

/** What the machine has and its copy in the target will lack: Azure Site Recovery loses most of it without a word. */
export function judgeLoss(survey: Survey): Found[] {
  return [...ofMachine(survey), ...ofNetwork(survey)].filter((found) => found !== undefined);
}

function ofMachine({ machine, extensions = [], roleAssignments = 0 }: Survey): (Found | undefined)[] {
  const { properties: p, name, identity, zones = [] } = machine;
  const foreign = extensions.filter((one) => one.name.toLowerCase() !== OWN_EXTENSION);
  const names = foreign.map((one) => `${one.name} (${one.kind})`).join(", ");
  const users = Object.keys(identity?.userAssignedIdentities ?? {}).map((id) => id.split("/").at(-1) ?? id);
  const placed = [
    p.proximityPlacementGroup !== undefined && "a proximity group",
    p.capacityReservation !== undefined && "a capacity reservation",
    p.virtualMachineScaleSet !== undefined && "a scale set",
  ].filter((word) => word !== false);
  return [
    when(foreign.length > 0, "ExtensionsLost", `${name} has ${names}`),
    when(roleAssignments > 0, "RolesLost", `${roleAssignments} roles are assigned on ${name}`),
    when(
      identity !== undefined,
      "IdentityChanges",
      `${name} has ${identityWords(identity?.principalId !== undefined, users)}`,
    ),
    when(
      p.securityProfile?.securityType === "TrustedLaunch",
      "VtpmFresh",
      `${name} uses trusted launch, with a virtual TPM`,
    ),
    when(p.userData !== undefined && p.userData !== "", "UserDataLost", `${name} has user data`),
    when(machine.plan !== undefined, "PlanTerms", `${name} has the plan ${planWords(machine.plan ?? {})}`),
    when(p.priority === "Spot" || p.priority === "Low", "SpotLost", `${name} is a spot machine`),
    when(placed.length > 0, "PlacementLost", `${name} is in ${placed.join(", ")}`),
    when(zones.length > 0, "ZoneLost", `${name} is in zone ${zones.join(", ")}`),
  ];
}

const identityWords = (system: boolean, users: readonly string[]): string =>
  [system && "a system-assigned identity", users.length > 0 && `the identities ${users.join(", ")}`]
    .filter((word) => word !== false)
    .join(" and ");

const planWords = ({ publisher, product, name }: Readonly<Record<string, unknown>>): string =>
  [publisher, product, name].map((part) => (typeof part === "string" ? part : "?")).join("/");

function ofNetwork({ nics, routed, gated }: Survey): (Found | undefined)[] {
  const each = nics.flatMap((nic) => ofNic(nic));
  return [
    ...each,
    when(gated.length > 0, "GatewayLost", `${gated.join(", ")} have NAT gateways`),
    when(routed.length > 0, "RoutesLost", `${routed.join(", ")} have route tables`),
  ];
}

function ofNic({ name, properties }: NetworkInterface): (Found | undefined)[] {
  const ips = properties.ipConfigurations.map((one) => one.properties);
  const addresses = ips.flatMap(({ publicIPAddress }) => publicIPAddress?.id.split("/").at(-1) ?? []);
  const pools = ips.flatMap((ip) => [
    ...(ip.loadBalancerBackendAddressPools ?? []),
    ...(ip.applicationGatewayBackendAddressPools ?? []),
  ]);
  const sixth = ips.filter(({ privateIPAddressVersion }) => privateIPAddressVersion === "IPv6").length;
  return [
    when(addresses.length > 0, "PublicAddressLost", `${name} has ${addresses.join(", ")}`),
    when(pools.length > 0, "LoadBalancerLost", `${name} is in ${pools.length} back-end pools`),
    when(sixth > 0, "AddressesLost", `${name} has ${sixth} IPv6 addresses`),
  ];
}

const when = (wrong: boolean, code: Found["code"], message: string): Found | undefined =>
  wrong ? { code, message } : undefined;
