import { type ContainerView, containerRequest } from "../../engine/contract/fabric.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { type ContainerRecord, fabricOf } from "../../engine/recovery/fabric.ts";
import { lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { type Wanted, taggedBy, wantedBy } from "../etag.ts";
import { type Call, bodyOf, route } from "../http.ts";
import { PATHS, fabricIn as fabricIdIn, containerIn as idIn, vaultIn } from "../paths.ts";
import type { Services } from "../services.ts";
import { configure, removeConfigured } from "./configure.ts";
import { fabricName } from "./fabrics.ts";
import { type Inventory, containerIn, fabricIn, inventoryOf, isIn, naming } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { resultRoute } from "./result.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;
const { containers: ofFabric, container: one } = PATHS;

route("listContainers", { ...read, path: `${PATHS.vault}/replicationProtectionContainers` }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  return pageOf(
    call,
    inventory.containers,
    (id) => id,
    (id) => containerView(inventory, id),
  );
});

route("listContainersOfFabric", { ...read, path: ofFabric }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  const { id } = fabricIn(inventory, fabricIdIn(call.request));
  const inside = inventory.containers.filter((container) => isIn(id, container));
  return pageOf(
    call,
    inside,
    (container) => container,
    (container) => containerView(inventory, container),
  );
});

route("getContainer", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  return {
    ...(await taggedBy(call.services.records.containers, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route("putContainer", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  await bodyOf(call.request, containerRequest);
  const only = wantedBy(call.request);
  return configure(call, id, "putContainer", () => putContainer(call.services, id, only));
});

route(
  "removeContainer",
  { method: "POST", path: `${one}/remove`, role: "Admin", versioned: true },
  (call) => {
    const id = idIn(call.request);
    const only = wantedBy(call.request);
    return removeConfigured(call, id, "removeContainer", () => removeContainer(call.services, id, only));
  },
);

resultRoute("containerResult", one, idIn, shown);

async function shown({ services }: Call, id: ArmId): Promise<ContainerView> {
  const inventory = await inventoryOf(services, vaultOf(id));
  return containerView(inventory, containerIn(inventory, id));
}

/** @throws NotFound when its fabric is not there */
export async function putContainer(
  services: Pick<Services, "records">,
  id: ArmId,
  only?: Wanted,
): Promise<ContainerRecord> {
  const inventory = await inventoryOf(services, vaultOf(id));
  fabricIn(inventory, fabricOf(id) ?? id);
  return services.records.containers.upsert(resourceKey(id), (old) => old ?? { format: 1, id }, only);
}

/** @throws Conflict while items or mappings name it; NotFound */
export async function removeContainer(
  services: Pick<Services, "records">,
  id: ArmId,
  only?: Wanted,
): Promise<void> {
  const inventory = await inventoryOf(services, vaultOf(id));
  containerIn(inventory, id);
  const refused = (what: string, ids: readonly string[]) =>
    new LeewardError("Conflict", `${lastSegment(id)} has ${what}: ${naming(ids)}`);
  const items = inventory.items.filter((item) => isIn(id, item.id) || isSame(item.recoveryContainerId, id));
  if (items.length > 0)
    throw refused(
      "protected items",
      items.map((item) => item.id),
    );
  const mappings = inventory.mappings.filter((row) => isIn(id, row.id) || sameArmId(row.target, id));
  if (mappings.length > 0)
    throw refused(
      "container mappings",
      mappings.map((row) => row.id),
    );
  await services.records.containers.delete(resourceKey(id), only);
}

const isSame = (text: string | undefined, id: ArmId): boolean => text !== undefined && sameArmId(text, id);

export function containerView(inventory: Inventory, id: ArmId): ContainerView {
  const { items, mappings } = inventory;
  const leaves = mappings.some((row) => isIn(id, row.id)) || items.some((item) => isIn(id, item.id));
  const comes =
    mappings.some((row) => sameArmId(row.target, id)) ||
    items.some((item) => isSame(item.recoveryContainerId, id));
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers",
    properties: {
      fabricFriendlyName: fabricName(inventory, fabricOf(id)),
      friendlyName: lastSegment(id),
      fabricType: "Azure",
      protectedItemCount: items.filter((item) => isIn(id, item.id)).length,
      pairingStatus: mappings.some((row) => isIn(id, row.id) || sameArmId(row.target, id))
        ? "Paired"
        : "NotPaired",
      role: comes && !leaves ? "Recovery" : "Primary",
      fabricSpecificDetails: null,
    },
  };
}
