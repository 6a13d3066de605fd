import type { ArmPath } from "../arm-path.ts";

/** What Azure checks of a call beside the call itself: what its body links to. */
export interface Needed {
  /** Lower case, as roles are compared. */
  readonly action: string;
  readonly scope: string;
  /** Whether the body links to it: Azure refuses with another code then. */
  readonly linked: boolean;
}

/** Spelt otherwise than path and method say. */
const SPELT: Readonly<Record<string, string>> = {
  "post microsoft.storage/checknameavailability": "microsoft.storage/checknameavailability/read",
  "get microsoft.storage/locations/asyncoperations": "microsoft.storage/operations/read",
};

const RESOURCES: Readonly<Record<string, string>> = {
  "microsoft.resources/resourcegroups": "microsoft.resources/subscriptions/resourcegroups",
  "microsoft.resources/operationresults": "microsoft.resources/subscriptions/operationresults",
  "microsoft.resources/providers": "microsoft.resources/subscriptions/providers",
};

/** The right to the call itself, then those to what its body links to. */
export function neededFor(method: string, path: ArmPath, body: unknown): Needed[] {
  const own = {
    action: actionOf(method, path),
    scope: path.tail ? scopeOfTail(path) : path.id,
    linked: false,
  };
  return method === "PUT" || method === "PATCH" ? [own, ...linksOf(path, body)] : [own];
}

/** A collection is read where it is, an action is done to the resource. */
const scopeOfTail = (path: ArmPath): string => (path.type === path.namespace ? path.scope : path.id);

function actionOf(method: string, { type, tail, name }: ArmPath): string {
  const spelt = SPELT[`${method.toLowerCase()} ${type}${tail ? `/${tail}` : ""}`];
  if (spelt) return spelt;
  if (tail === "register") return `${name.toLowerCase()}/register/action`;
  const full = `${RESOURCES[type] ?? type}${tail ? `/${tail}` : ""}`;
  if (method === "GET" || method === "HEAD") return `${full}/read`;
  if (method === "POST") return `${full}/action`;
  return `${full}/${method === "DELETE" ? "delete" : "write"}`;
}

/** By the name of the property that holds an `id`. */
const LINKS: Readonly<Record<string, string>> = {
  subnet: "microsoft.network/virtualnetworks/subnets/join/action",
  networksecuritygroup: "microsoft.network/networksecuritygroups/join/action",
  routetable: "microsoft.network/routetables/join/action",
  natgateway: "microsoft.network/natgateways/join/action",
  sourceapplicationsecuritygroups:
    "microsoft.network/applicationsecuritygroups/joinnetworksecurityrule/action",
  destinationapplicationsecuritygroups:
    "microsoft.network/applicationsecuritygroups/joinnetworksecurityrule/action",
  applicationsecuritygroups: "microsoft.network/applicationsecuritygroups/joinipconfiguration/action",
  publicipaddress: "microsoft.network/publicipaddresses/join/action",
  capacityreservationgroup: "microsoft.compute/capacityreservationgroups/deploy/action",
  networkinterfaces: "microsoft.network/networkinterfaces/join/action",
};

function linksOf({ type }: ArmPath, body: unknown): Needed[] {
  const found: Needed[] = [];
  const link = (action: string, scope: string) => found.push({ action, scope, linked: true });
  const walk = (node: unknown, name: string): void => {
    if (Array.isArray(node)) return node.forEach((item) => walk(item, name));
    if (typeof node !== "object" || node === null) return;
    const action = LINKS[name];
    if (action && "id" in node && typeof node.id === "string") link(action, node.id);
    for (const [key, inner] of Object.entries(node)) {
      if (key === "sourceResourceId" && typeof inner === "string") link(copyAction(inner), inner);
      else if (key === "storageAccountId" && typeof inner === "string" && type === "microsoft.compute/disks")
        link("microsoft.storage/storageaccounts/read", inner);
      else if (key === "diskEncryptionSetId" && typeof inner === "string")
        link("microsoft.compute/diskencryptionsets/read", inner);
      else walk(inner, key.toLowerCase());
    }
  };
  walk(body, "");
  return found;
}

const copyAction = (source: string): string =>
  `microsoft.compute/${/\/snapshots\//i.test(source) ? "snapshots" : "disks"}/begingetaccess/action`;
