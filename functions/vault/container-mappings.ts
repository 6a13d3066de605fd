import {
  type ContainerMappingView,
  containerMappingRemoval,
  containerMappingRequest,
  containerMappingUpdate,
} from "../../engine/contract/container-mapping.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import type { ContainerMappingRecord } from "../../engine/recovery/container-mapping.ts";
import { containerOf, fabricOf } from "../../engine/recovery/fabric.ts";
import { lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { type Wanted, taggedBy, wantedBy } from "../etag.ts";
import { type Call, bodyIfAny, bodyOf, route } from "../http.ts";
import { PATHS, containerIn as containerIdIn, containerMappingIn as idIn, vaultIn } from "../paths.ts";
import type { Services } from "../services.ts";
import { configure, removeConfigured } from "./configure.ts";
import { fabricName } from "./fabrics.ts";
import { type Inventory, containerIn, inventoryOf, isIn, naming } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { findPolicy } from "./policies.ts";
import { resultRoute } from "./result.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;
const { containerMappings: ofContainer, containerMapping: one } = PATHS;

route(
  "listContainerMappings",
  { ...read, path: `${PATHS.vault}/replicationProtectionContainerMappings` },
  (call) => list(call, () => true),
);

route("listMappingsOfContainer", { ...read, path: ofContainer }, (call) => {
  const container = containerIdIn(call.request);
  return list(call, ({ id }) => isIn(container, id));
});

async function list(call: Call, wanted: (row: ContainerMappingRecord) => boolean) {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  const rows = inventory.mappings.filter(wanted);
  return pageOf(
    call,
    rows,
    ({ id }) => id,
    (row) => view(inventory, row),
  );
}

route("getContainerMapping", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  return {
    ...(await taggedBy(call.services.records.containerMappings, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route(
  "putContainerMapping",
  { method: "PUT", path: one, role: "Operator", versioned: true },
  async (call) => {
    const id = idIn(call.request);
    const { properties } = await bodyOf(call.request, containerMappingRequest);
    const {
      policyId: policy,
      targetProtectionContainerId: target,
      providerSpecificInput: given,
    } = properties;
    const row = { ...MAPPING_DEFAULTS, ...settingsOf(given), format: 1, id, policy, target } as const;
    const only = wantedBy(call.request);
    return configure(call, id, "putContainerMapping", () => putMapping(call.services, row, only));
  },
);

route(
  "patchContainerMapping",
  { method: "PATCH", path: one, role: "Operator", versioned: true },
  async (call) => {
    const id = idIn(call.request);
    const { providerSpecificInput: given } = (await bodyOf(call.request, containerMappingUpdate)).properties;
    const only = wantedBy(call.request);
    await findMapping(call.services, id);
    return configure(call, id, "putContainerMapping", () =>
      call.services.records.containerMappings.update(
        resourceKey(id),
        (old) => ({ ...old, ...settingsOf(given) }),
        only,
      ),
    );
  },
);

route(
  "removeContainerMapping",
  { method: "POST", path: `${one}/remove`, role: "Admin", versioned: true },
  async (call) => {
    await bodyIfAny(call.request, containerMappingRemoval);
    const id = idIn(call.request);
    const only = wantedBy(call.request);
    return removeConfigured(call, id, "removeContainerMapping", () => removeMapping(call.services, id, only));
  },
);

route("purgeContainerMapping", { method: "DELETE", path: one, role: "Admin", versioned: true }, (call) => {
  const id = idIn(call.request);
  const only = wantedBy(call.request);
  return removeConfigured(call, id, "removeContainerMapping", () => removeMapping(call.services, id, only));
});

resultRoute("containerMappingResult", one, idIn, shown);

export const MAPPING_DEFAULTS = {
  agentAutoUpdateStatus: "Disabled",
  automationAccountAuthenticationType: "RunAsAccount",
} as const;

type Settings = Pick<
  Partial<ContainerMappingRecord>,
  "agentAutoUpdateStatus" | "automationAccountArmId" | "automationAccountAuthenticationType"
>;

/** What was given of them, and nothing else. */
export function settingsOf({
  agentAutoUpdateStatus,
  automationAccountArmId,
  automationAccountAuthenticationType,
}: { readonly [Name in keyof Settings]: Settings[Name] | undefined } = {}): Settings {
  return {
    ...(agentAutoUpdateStatus && { agentAutoUpdateStatus }),
    ...(automationAccountArmId && { automationAccountArmId }),
    ...(automationAccountAuthenticationType && { automationAccountAuthenticationType }),
  };
}

async function shown({ services }: Call, id: ArmId): Promise<ContainerMappingView> {
  const [inventory, row] = await Promise.all([inventoryOf(services, vaultOf(id)), findMapping(services, id)]);
  return view(inventory, row);
}

/** @throws NotFound */
async function findMapping(
  { records }: Pick<Services, "records">,
  id: ArmId,
): Promise<ContainerMappingRecord> {
  const found = await records.containerMappings.get(resourceKey(id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return found.value;
}

/** @throws NotFound when its container is not there; InvalidRequest for a policy or a target that is not; Conflict */
export async function putMapping(
  services: Pick<Services, "records">,
  row: ContainerMappingRecord,
  only?: Wanted,
): Promise<ContainerMappingRecord> {
  const inventory = await inventoryOf(services, vaultOf(row.id));
  const source = containerIn(inventory, containerOf(row.id) ?? row.id);
  await named("policyId", () => findPolicy(services, row.policy));
  await named("targetProtectionContainerId", async () => containerIn(inventory, row.target));
  if (sameArmId(source, row.target))
    throw new LeewardError("InvalidRequest", "properties.targetProtectionContainerId: the container itself");
  const change = (old: ContainerMappingRecord | undefined): ContainerMappingRecord => {
    if (old && !sameArmId(old.target, row.target))
      throw new LeewardError(
        "Conflict",
        `${lastSegment(row.id)} leads to ${old.target}: choose another name`,
      );
    return { ...row, id: old?.id ?? row.id };
  };
  return services.records.containerMappings.upsert(resourceKey(row.id), change, only);
}

/** What a body names and is not there is wrong with the body. */
async function named(field: string, find: () => Promise<unknown>): Promise<void> {
  try {
    await find();
  } catch (error) {
    if (!(error instanceof LeewardError) || error.code !== "NotFound") throw error;
    throw new LeewardError("InvalidRequest", `properties.${field}: ${error.message}`, error);
  }
}

/** @throws Conflict while items go this way; NotFound */
async function removeMapping(
  services: Pick<Services, "records">,
  id: ArmId,
  only: Wanted | undefined,
): Promise<void> {
  const row = await findMapping(services, id);
  const source = containerOf(id) ?? id;
  const { items } = await inventoryOf(services, vaultOf(id));
  const using = items.filter(
    (item) => isIn(source, item.id) && sameArmId(item.recoveryContainerId ?? "", row.target),
  );
  if (using.length > 0)
    throw new LeewardError(
      "Conflict",
      `${lastSegment(id)} is the way of ${naming(using.map((item) => item.id))}`,
    );
  await services.records.containerMappings.delete(resourceKey(id), only);
}

function view(inventory: Inventory, row: ContainerMappingRecord): ContainerMappingView {
  const source = containerOf(row.id) ?? row.id;
  return {
    id: row.id,
    name: lastSegment(row.id),
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectionContainerMappings",
    properties: {
      targetProtectionContainerId: row.target,
      targetProtectionContainerFriendlyName: lastSegment(row.target),
      providerSpecificDetails: {
        instanceType: "A2A",
        agentAutoUpdateStatus: row.agentAutoUpdateStatus,
        automationAccountAuthenticationType: row.automationAccountAuthenticationType,
        automationAccountArmId: row.automationAccountArmId ?? null,
        scheduleName: null,
        jobScheduleName: null,
      },
      health: "Normal",
      healthErrorDetails: [],
      policyId: row.policy,
      state: "Paired",
      sourceProtectionContainerFriendlyName: lastSegment(source),
      sourceFabricFriendlyName: fabricName(inventory, fabricOf(source)),
      targetFabricFriendlyName: fabricName(inventory, fabricOf(row.target)),
      policyFriendlyName: lastSegment(row.policy),
    },
  };
}
