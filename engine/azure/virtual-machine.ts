import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, ensured, read, resource } from "./resource.ts";

const reference = z.object({ id: z.string().transform(armId) });
/** Anything of which it only counts that it is there. */
const some = z.unknown().optional();
const caching = z.enum(["None", "ReadOnly", "ReadWrite"]).default("None");
const managedDisk = reference.optional();

const status = z.object({
  code: z.string(),
  displayStatus: z.string().optional(),
  message: z.string().optional(),
});
const instanceView = z.object({
  hyperVGeneration: z.string().optional(),
  statuses: z.array(status).default([]),
  vmAgent: z.object({ statuses: z.array(status).default([]) }).optional(),
});

const virtualMachine = resource.extend({
  zones: z.array(z.string()).optional(),
  plan: z.looseObject({}).optional(),
  identity: z
    .looseObject({
      type: z.string(),
      principalId: z.string().optional(),
      userAssignedIdentities: z.record(z.string(), z.unknown()).nullish(),
    })
    .optional(),
  properties: z.object({
    vmId: z.string().optional(),
    provisioningState: z.string(),
    hardwareProfile: z.object({ vmSize: z.string() }),
    storageProfile: z.object({
      /** `SCSI` or `NVMe`. */
      diskControllerType: z.string().nullish(),
      osDisk: z.object({
        name: z.string().optional(),
        osType: z.enum(["Linux", "Windows"]).optional(),
        caching,
        managedDisk,
        writeAcceleratorEnabled: z.boolean().nullish(),
        /** Of an ephemeral disk, which lives on the host. */
        diffDiskSettings: some,
        /** Of Azure Disk Encryption's first kind. */
        encryptionSettings: some,
      }),
      dataDisks: z
        .array(
          z.object({
            lun: z.number().int(),
            name: z.string().optional(),
            caching,
            managedDisk,
            writeAcceleratorEnabled: z.boolean().nullish(),
          }),
        )
        .default([]),
    }),
    networkProfile: z.object({
      networkInterfaces: z.array(
        reference.extend({ properties: z.object({ primary: z.boolean().default(false) }).optional() }),
      ),
    }),
    availabilitySet: reference.nullish(),
    licenseType: z.string().optional(),
    securityProfile: z
      .looseObject({ securityType: z.string().nullish(), encryptionAtHost: z.boolean().nullish() })
      .optional(),
    priority: z.string().nullish(),
    host: some,
    hostGroup: some,
    virtualMachineScaleSet: some,
    proximityPlacementGroup: some,
    capacityReservation: some,
    additionalCapabilities: z.looseObject({ ultraSSDEnabled: z.boolean().nullish() }).nullish(),
    userData: some,
    instanceView: instanceView.optional(),
  }),
});
export type VirtualMachine = z.infer<typeof virtualMachine>;

/** With its instance view, for `powerStateOf`. */
export const getVirtualMachine = (client: ArmClient, id: ArmId): Promise<VirtualMachine> =>
  read(client, id, virtualMachine, { $expand: "instanceView" });

export async function findVirtualMachine(client: ArmClient, id: ArmId): Promise<VirtualMachine | undefined> {
  const body = await client.find(id, { query: { $expand: "instanceView" } });
  return body === undefined ? undefined : parsed(virtualMachine, body, id);
}

/** `running`, `deallocated`, `stopped`, `starting` …; undefined while Azure does not know. */
export function powerStateOf(machine: VirtualMachine): string | undefined {
  const found = machine.properties.instanceView?.statuses.find(({ code }) => code.startsWith("PowerState/"));
  return found?.code.slice("PowerState/".length);
}

/** Azure charges for a machine that is `stopped` only, and nobody can start it without being seen either way. */
export const isOff = (machine: VirtualMachine): boolean =>
  ["deallocated", "stopped"].includes(powerStateOf(machine) ?? "");

/** Of Azure's VM agent: `Ready`, `Not Ready` …; undefined while nothing was heard of it. */
export const vmAgentOf = ({ properties }: VirtualMachine): string | undefined =>
  properties.instanceView?.vmAgent?.statuses[0]?.displayStatus;

/** `Succeeded`, `Failed` …, with the platform's own words where it has some. */
export function provisioningOf({ properties }: VirtualMachine): string {
  const found = properties.instanceView?.statuses.find(({ code }) => code.startsWith("ProvisioningState/"));
  const more = found?.message ?? found?.displayStatus;
  return more === undefined ? properties.provisioningState : `${properties.provisioningState} (${more})`;
}

export interface AttachedDisk {
  readonly id: ArmId;
  readonly caching: "None" | "ReadOnly" | "ReadWrite";
}

export interface VirtualMachineSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly size: string;
  readonly osDisk: AttachedDisk & { readonly osType: "Linux" | "Windows" };
  readonly dataDisks: readonly (AttachedDisk & { readonly lun: number })[];
  /** `SCSI` or `NVMe`; the size's own when left out. */
  readonly diskController?: string | undefined;
  readonly ultraDisks?: boolean | undefined;
  /** The first is the primary one. */
  readonly networkInterfaces: readonly ArmId[];
  /** Never together with a zone. */
  readonly availabilitySet?: ArmId | undefined;
  readonly zone?: string | undefined;
  readonly proximityPlacementGroup?: ArmId | undefined;
  /** A flexible one. Never together with an availability set. */
  readonly scaleSet?: ArmId | undefined;
  readonly capacityReservationGroup?: ArmId | undefined;
  /** Blob endpoint of the account that boot diagnostics are kept in; Azure's own when left out. */
  readonly bootDiagnosticsUri?: string | undefined;
  /** The source VM's own tags; ours are added. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly plan?: Readonly<Record<string, unknown>> | undefined;
  readonly licenseType?: string | undefined;
  readonly securityProfile?: Readonly<Record<string, unknown>> | undefined;
  readonly identity?: IdentitySpec | undefined;
  readonly owner: Owner;
}

interface IdentitySpec {
  /** One of its own, which is another one than the source's. */
  readonly system: boolean;
  readonly users: readonly ArmId[];
}

/** Disks are attached as they are, so there is no `osProfile`: Azure refuses both together. */
export const virtualMachineBody = (spec: VirtualMachineSpec) => ({
  location: spec.location,
  ...(spec.zone && { zones: [spec.zone] }),
  ...(spec.tags && { tags: spec.tags }),
  ...(spec.plan && { plan: picked(spec.plan, PLAN) }),
  ...identityBody(spec.identity),
  properties: {
    hardwareProfile: { vmSize: spec.size },
    storageProfile: {
      ...(spec.diskController && { diskControllerType: spec.diskController }),
      osDisk: { osType: spec.osDisk.osType, ...attachment(spec.osDisk) },
      dataDisks: spec.dataDisks.map((disk) => ({ lun: disk.lun, ...attachment(disk) })),
    },
    networkProfile: {
      networkInterfaces: spec.networkInterfaces.map((id, at) => ({
        id,
        properties: { primary: at === 0, deleteOption: "Detach" },
      })),
    },
    diagnosticsProfile: {
      bootDiagnostics: {
        enabled: true,
        ...(spec.bootDiagnosticsUri && { storageUri: spec.bootDiagnosticsUri }),
      },
    },
    ...(spec.availabilitySet && { availabilitySet: { id: spec.availabilitySet } }),
    ...(spec.proximityPlacementGroup && { proximityPlacementGroup: { id: spec.proximityPlacementGroup } }),
    ...(spec.scaleSet && { virtualMachineScaleSet: { id: spec.scaleSet } }),
    ...(spec.capacityReservationGroup && {
      capacityReservation: { capacityReservationGroup: { id: spec.capacityReservationGroup } },
    }),
    ...(spec.ultraDisks && { additionalCapabilities: { ultraSSDEnabled: true } }),
    ...(spec.licenseType && { licenseType: spec.licenseType }),
    ...(spec.securityProfile && { securityProfile: picked(spec.securityProfile, SECURITY) }),
  },
});

function identityBody(identity: IdentitySpec | undefined) {
  const { system = false, users = [] } = identity ?? {};
  const types = [system && "SystemAssigned", users.length > 0 && "UserAssigned"].filter(
    (type) => type !== false,
  );
  if (types.length === 0) return {};
  const userAssignedIdentities = Object.fromEntries(users.map((id) => [id, {}]));
  return { identity: { type: types.join(", "), ...(users.length > 0 && { userAssignedIdentities }) } };
}

/** What is written of them; a GET may answer more. */
const PLAN = ["name", "publisher", "product", "promotionCode"];
const SECURITY = ["securityType", "uefiSettings", "encryptionAtHost"];

const picked = (from: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  Object.fromEntries(Object.entries(from).filter(([name, value]) => names.includes(name) && value !== null));

/** Writing an existing VM would replace it, so one of ours is kept as it is. */
export const ensureVirtualMachine = (client: ArmClient, spec: VirtualMachineSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: virtualMachineBody(spec), again: "keep" });

export const startVirtualMachine = (client: ArmClient, id: ArmId): Promise<Ensured> =>
  act(client, id, "start");

/** Stops the VM and gives its host back. `powerOff` would go on costing. */
export const deallocateVirtualMachine = (client: ArmClient, id: ArmId): Promise<Ensured> =>
  act(client, id, "deallocate");

async function act(client: ArmClient, id: ArmId, action: string): Promise<Ensured> {
  return ensured(id, await client.post(`${id}/${action}`));
}

/** The disk outlives the VM: a failover that is taken back must find it. */
const attachment = (disk: AttachedDisk) => ({
  createOption: "Attach",
  managedDisk: { id: disk.id },
  caching: disk.caching,
  deleteOption: "Detach",
});
