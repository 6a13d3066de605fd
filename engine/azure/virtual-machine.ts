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

const status = z.object({ code: z.string(), displayStatus: z.string().optional() });
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
  /** The first is the primary one. */
  readonly networkInterfaces: readonly ArmId[];
  readonly availabilitySet?: ArmId;
  readonly zones?: readonly string[];
  /** The source VM's own tags; ours are added. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly plan?: Readonly<Record<string, unknown>>;
  readonly licenseType?: string;
  readonly securityProfile?: Readonly<Record<string, unknown>>;
  readonly owner: Owner;
}

/** Disks are attached as they are, so there is no `osProfile`: Azure refuses both together. */
export const virtualMachineBody = (spec: VirtualMachineSpec) => ({
  location: spec.location,
  ...(spec.zones && { zones: spec.zones }),
  ...(spec.tags && { tags: spec.tags }),
  ...(spec.plan && { plan: spec.plan }),
  properties: {
    hardwareProfile: { vmSize: spec.size },
    storageProfile: {
      osDisk: { osType: spec.osDisk.osType, ...attachment(spec.osDisk) },
      dataDisks: spec.dataDisks.map((disk) => ({ lun: disk.lun, ...attachment(disk) })),
    },
    networkProfile: {
      networkInterfaces: spec.networkInterfaces.map((id, at) => ({
        id,
        properties: { primary: at === 0, deleteOption: "Detach" },
      })),
    },
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
    ...(spec.availabilitySet && { availabilitySet: { id: spec.availabilitySet } }),
    ...(spec.licenseType && { licenseType: spec.licenseType }),
    ...(spec.securityProfile && { securityProfile: spec.securityProfile }),
  },
});

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
