import { ArmError } from "./arm-error.ts";
import type { ArmPath } from "./arm-path.ts";
import type { Family, Handler } from "./call.ts";
import { locks } from "./authorization/lock.ts";
import { permissions, roleAssignments } from "./authorization/role-assignment.ts";
import { availabilitySets } from "./compute/availability-set.ts";
import { runCommands } from "./compute/run-command.ts";
import { placementFamilies } from "./compute/placement.ts";
import { skus } from "./compute/catalogue.ts";
import { disks } from "./compute/disk.ts";
import { snapshots } from "./compute/snapshot.ts";
import { usages } from "./compute/usage.ts";
import { virtualMachines } from "./compute/virtual-machine.ts";
import { vmExtensions } from "./compute/vm-extension.ts";
import { networkInterfaces } from "./network/network-interface.ts";
import { applicationSecurityGroup, natGateway, routeTable } from "./network/pointed-to.ts";
import { publicAddresses } from "./network/public-address.ts";
import { securityGroup } from "./network/security-group.ts";
import { networkUsages } from "./network/usage.ts";
import { subnets, virtualNetworks } from "./network/virtual-network.ts";
import { operationFamilies } from "./operation-status.ts";
import { providers } from "./resources/provider.ts";
import { resourceGroups } from "./resources/resource-group.ts";
import { subscriptions } from "./resources/subscription.ts";
import { storedBeside } from "./storage/stored-beside.ts";
import { accountUsages, nameAvailability, storageAccounts } from "./storage/storage-account.ts";

const namespaces: readonly Family[] = [
  { type: "Microsoft.Compute", since: "2021-07-01", actions: { skus: { method: "GET", run: skus } } },
  {
    type: "Microsoft.Compute/locations",
    since: "2024-07-01",
    actions: { usages: { method: "GET", run: usages } },
  },
  {
    type: "Microsoft.Authorization",
    since: "2016-09-01",
    actions: { permissions: { method: "GET", run: permissions } },
  },
  { type: "Microsoft.Network", since: "2024-05-01" },
  {
    type: "Microsoft.Network/locations",
    since: "2024-05-01",
    actions: { usages: { method: "GET", run: networkUsages } },
  },
  {
    type: "Microsoft.Storage",
    since: "2023-05-01",
    actions: { checknameavailability: { method: "POST", run: nameAvailability } },
  },
  {
    type: "Microsoft.Storage/locations",
    since: "2023-05-01",
    actions: { usages: { method: "GET", run: accountUsages } },
  },
];

const families = new Map(
  [
    ...namespaces,
    ...operationFamilies,
    availabilitySets,
    ...placementFamilies,
    disks,
    locks,
    roleAssignments,
    networkInterfaces,
    providers,
    resourceGroups,
    publicAddresses,
    applicationSecurityGroup.family,
    natGateway.family,
    routeTable.family,
    runCommands,
    securityGroup.family,
    snapshots,
    storageAccounts,
    ...storedBeside,
    subnets,
    subscriptions,
    virtualMachines,
    virtualNetworks,
    vmExtensions,
  ].map((family) => [family.type.toLowerCase(), family]),
);

/** Who answers a call. @throws ArmError in ARM's words for what it does not know. */
export function route(method: string, path: ArmPath): { family: Family; handler: Handler } {
  const collection = path.tail && families.get(`${path.type}/${path.tail}`);
  if (collection)
    return { family: collection, handler: methodOf(collection, method, collection.list, "GET") };
  const family = families.get(path.type) ?? unknownType(path);
  if (path.tail === undefined)
    return { family, handler: methodOf(family, method, ofMethod(family, method), method) };
  const action = family.actions?.[path.tail];
  if (!action) throw unknownTail(path);
  return { family, handler: methodOf(family, method, action.run, action.method) };
}

const ofMethod = (family: Family, method: string): Handler | undefined =>
  ({
    GET: family.get,
    HEAD: family.head,
    PUT: family.put,
    PATCH: family.patch,
    DELETE: family.delete,
  })[method];

function methodOf(family: Family, method: string, handler: Handler | undefined, answers: string): Handler {
  if (handler && method === answers) return handler;
  throw new ArmError(
    405,
    "HttpMethodNotAllowed",
    `The HTTP method '${method}' is not supported at this scope of '${family.type}'.`,
  );
}

function unknownType(path: ArmPath): never {
  if (!families.has(path.namespace) && path.namespace !== "microsoft.resources")
    throw new ArmError(
      404,
      "InvalidResourceNamespace",
      `The resource namespace '${path.namespace}' is invalid.`,
    );
  throw unknownTail(path);
}

const unknownTail = (path: ArmPath) =>
  new ArmError(
    404,
    "InvalidResourceType",
    `The resource type '${[...path.type.split("/").slice(1), path.tail].filter(Boolean).join("/")}' could not be found in the namespace '${path.namespace}'.`,
  );
