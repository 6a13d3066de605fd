import type { HttpRequest } from "@azure/functions";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, armId } from "../engine/core/ids.ts";

const VAULT =
  "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{vault}";
const FABRICS = `${VAULT}/replicationFabrics`;
const CONTAINERS = `${FABRICS}/{fabric}/replicationProtectionContainers`;
const ITEMS = `${CONTAINERS}/{container}/replicationProtectedItems`;
const CONTAINER_MAPPINGS = `${CONTAINERS}/{container}/replicationProtectionContainerMappings`;
const NETWORK_MAPPINGS = `${FABRICS}/{fabric}/replicationNetworks/{network}/replicationNetworkMappings`;

/** Route templates of the API; the host matches them whatever the casing. */
export const PATHS = {
  vault: VAULT,
  fabrics: FABRICS,
  fabric: `${FABRICS}/{fabric}`,
  containers: CONTAINERS,
  container: `${CONTAINERS}/{container}`,
  containerMappings: CONTAINER_MAPPINGS,
  containerMapping: `${CONTAINER_MAPPINGS}/{mapping}`,
  networkMappings: NETWORK_MAPPINGS,
  networkMapping: `${NETWORK_MAPPINGS}/{mapping}`,
  policies: `${VAULT}/replicationPolicies`,
  policy: `${VAULT}/replicationPolicies/{policy}`,
  intents: `${VAULT}/replicationProtectionIntents`,
  intent: `${VAULT}/replicationProtectionIntents/{intent}`,
  recoveryPlans: `${VAULT}/replicationRecoveryPlans`,
  recoveryPlan: `${VAULT}/replicationRecoveryPlans/{plan}`,
  items: ITEMS,
  item: `${ITEMS}/{item}`,
  groups: `${VAULT}/leewardGroups`,
  group: `${VAULT}/leewardGroups/{group}`,
} as const;

/** Where the portal and tags put what they enable; the API takes any fabric and container. */
export const PLACE = { fabric: "azure", container: "azure-container" } as const;

/**
 * The id of the resource that the request's path names, cut behind `type/{name}`, as the caller wrote it: ids keep their
 * casing for good.
 */
function resourceIn(request: HttpRequest, type: string): ArmId {
  const path = pathOf(request);
  const at = path.toLowerCase().indexOf(`/${type.toLowerCase()}/`);
  if (at < 0) throw new LeewardError("NotFound", `the path names no ${type}`);
  const end = path.indexOf("/", at + type.length + 2);
  return checkedId(end < 0 ? path : path.slice(0, end));
}

/** What ASR takes as a name, in every part of the path. */
const PART = /^(?!\.{1,2}$)[\w.() -]{1,200}$/;

/**
 * Every name that the route found in the path. What a URL's reader makes regular (`%2e%2e`) the route has taken for a name, so
 * that both would speak of different resources.
 * @throws InvalidRequest for a name that cannot be one
 */
export function checkNames(names: Readonly<Record<string, string>>): void {
  // What takes the rest of a path takes several.
  for (const name of Object.values(names).flatMap((one) => one.split("/")))
    if (!PART.test(name)) throw wrongName(name);
}

const wrongName = (name: string) =>
  new LeewardError(
    "InvalidRequest",
    `the path has a name that cannot be: ${JSON.stringify(name.slice(0, 200))}`,
  );

/** The path with its escapes undone. @throws InvalidRequest when a part of it cannot be a name */
export function pathOf(request: HttpRequest): string {
  const { pathname } = new URL(request.url);
  const parts = pathname.split("/").slice(1).map(decoded);
  const wrong = parts.find((part) => !PART.test(part));
  if (wrong !== undefined) throw wrongName(wrong);
  return `/${parts.join("/")}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function checkedId(id: string): ArmId {
  try {
    return armId(id);
  } catch (error) {
    throw new LeewardError("InvalidRequest", `the path is no resource id: ${JSON.stringify(id)}`, error);
  }
}

export const vaultIn = (request: HttpRequest): ArmId => resourceIn(request, "vaults");
export const fabricIn = (request: HttpRequest): ArmId => resourceIn(request, "replicationFabrics");
export const policyIn = (request: HttpRequest): ArmId => resourceIn(request, "replicationPolicies");
export const intentIn = (request: HttpRequest): ArmId => resourceIn(request, "replicationProtectionIntents");
export const alertSettingIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationAlertSettings");
export const vaultSettingIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationVaultSettings");
export const jobIn = (request: HttpRequest): ArmId => resourceIn(request, "replicationJobs");
export const containerMappingIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationProtectionContainerMappings");
export const networkMappingIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationNetworkMappings");
export const containerIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationProtectionContainers");
export const itemIn = (request: HttpRequest): ArmId => resourceIn(request, "replicationProtectedItems");
export const machineIn = (request: HttpRequest): ArmId => resourceIn(request, "virtualMachines");
export const groupIn = (request: HttpRequest): ArmId => resourceIn(request, "leewardGroups");
export const recoveryPlanIn = (request: HttpRequest): ArmId =>
  resourceIn(request, "replicationRecoveryPlans");
