import { z } from "zod";
import { armId } from "../../engine/core/ids.ts";
import { bytes, micros } from "../../engine/core/units.ts";

/** What the simulator keeps of each resource. `properties` is what a GET answers; `hidden` never leaves the simulator. */

const id = z.string().transform(armId);
const reference = z.looseObject({ id: z.string() });

const base = z.object({
  id,
  name: z.string(),
  type: z.string(),
  location: z.string(),
  tags: z.record(z.string(), z.string()),
});
export type Resource = z.infer<typeof base>;

const provisioningState = z.string();

export const group = base.extend({ properties: z.object({ provisioningState }) });
export type Group = z.infer<typeof group>;

const etag = z.string().default('W/"0"');

/** Of the network: what other resources point to, and nothing runs. */
export const plainResource = base.extend({ etag, properties: z.looseObject({ provisioningState }) });
export type PlainResource = z.infer<typeof plainResource>;

export const publicAddress = base.extend({
  etag,
  sku: z.looseObject({ name: z.string() }),
  zones: z.array(z.string()).optional(),
  properties: z.looseObject({
    provisioningState,
    publicIPAllocationMethod: z.enum(["Static", "Dynamic"]),
    ipAddress: z.string().optional(),
    ipConfiguration: reference.optional(),
  }),
});
export type PublicAddress = z.infer<typeof publicAddress>;

const subnet = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.looseObject({ provisioningState, addressPrefix: z.string() }),
});
export type Subnet = z.infer<typeof subnet>;

export const virtualNetwork = base.extend({
  etag,
  properties: z.looseObject({
    provisioningState,
    addressSpace: z.object({ addressPrefixes: z.array(z.string()) }),
    subnets: z.array(subnet),
  }),
});
export type VirtualNetwork = z.infer<typeof virtualNetwork>;

export const networkInterface = base.extend({
  etag,
  properties: z.looseObject({
    provisioningState,
    ipConfigurations: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        properties: z.looseObject({
          provisioningState,
          primary: z.boolean(),
          subnet: reference,
          publicIPAddress: reference.optional(),
          privateIPAddress: z.string(),
          privateIPAllocationMethod: z.enum(["Static", "Dynamic"]),
        }),
      }),
    ),
    virtualMachine: reference.optional(),
  }),
});
export type NetworkInterface = z.infer<typeof networkInterface>;

export const storageAccount = base.extend({
  kind: z.string(),
  sku: z.looseObject({ name: z.string() }),
  properties: z.looseObject({ provisioningState }),
  /** Which account of the region's Azurite stands behind it. */
  hidden: z.object({
    pool: z.string(),
    /** Ids of queues, tables and file shares that were made over Resource Manager. */
    beside: z.array(z.string()).optional(),
  }),
});
export type StorageAccount = z.infer<typeof storageAccount>;

/** How bytes are kept: the same for disks and snapshots. */
const image = {
  /** Absolute path of the raw image. */
  file: z.string(),
  /** Live access to its bytes; each makes one SAS URL. */
  grants: z.array(
    z.object({ id: z.string(), access: z.enum(["Read", "Write"]), expires: z.number().transform(micros) }),
  ),
};

export const disk = base.extend({
  sku: z.looseObject({ name: z.string() }),
  zones: z.array(z.string()).optional(),
  managedBy: z.string().optional(),
  properties: z.looseObject({
    provisioningState,
    diskState: z.enum(["Unattached", "Attached", "Reserved", "ActiveSAS", "ReadyToUpload", "ActiveUpload"]),
    diskSizeBytes: z.number().transform(bytes),
    creationData: z.looseObject({ createOption: z.string() }),
    osType: z.enum(["Linux", "Windows"]).optional(),
  }),
  hidden: z.object({
    ...image,
    /** When its newest incremental snapshots were asked for, those that are deleted included: the rate is limited. */
    snapshots: z.array(z.number().transform(micros)).default([]),
  }),
});
export type Disk = z.infer<typeof disk>;

export const snapshot = base.extend({
  sku: z.looseObject({ name: z.string() }),
  properties: z.looseObject({
    provisioningState,
    diskState: z.enum(["Unattached", "ActiveSAS"]),
    diskSizeBytes: z.number().transform(bytes),
    creationData: z.looseObject({
      createOption: z.enum(["Copy", "CopyStart"]),
      sourceResourceId: z.string(),
    }),
    osType: z.enum(["Linux", "Windows"]).optional(),
    incremental: z.boolean(),
    incrementalSnapshotFamilyId: z.string().optional(),
    timeCreated: z.string(),
  }),
  hidden: z.object({
    ...image,
    /** The instant that it shows. */
    taken: z.number().transform(micros),
    /** When the background copy is complete; before, nobody gets at its bytes. */
    copied: z.number().transform(micros),
  }),
});
export type Snapshot = z.infer<typeof snapshot>;

/** What has bytes that a SAS can show. */
export type Image = Disk | Snapshot;

export const availabilitySet = base.extend({
  sku: z.looseObject({ name: z.string() }),
  properties: z.looseObject({
    platformFaultDomainCount: z.number(),
    platformUpdateDomainCount: z.number(),
    virtualMachines: z.array(reference),
  }),
});
export type AvailabilitySet = z.infer<typeof availabilitySet>;

/** Of Compute: what others are placed in, or are encrypted by. */
export const placementResource = base.extend({
  sku: z.looseObject({ name: z.string() }).optional(),
  zones: z.array(z.string()).optional(),
  identity: z.looseObject({ type: z.string() }).optional(),
  properties: z.looseObject({}),
});
export type PlacementResource = z.infer<typeof placementResource>;

const attached = z.looseObject({ managedDisk: reference });

export const virtualMachine = base.extend({
  zones: z.array(z.string()).optional(),
  plan: z.looseObject({}).optional(),
  identity: z.looseObject({ type: z.string() }).optional(),
  properties: z.looseObject({
    provisioningState,
    vmId: z.string(),
    hardwareProfile: z.looseObject({ vmSize: z.string() }),
    storageProfile: z.looseObject({
      osDisk: attached.extend({ osType: z.enum(["Linux", "Windows"]) }),
      dataDisks: z.array(attached.extend({ lun: z.number() })),
    }),
    networkProfile: z.looseObject({
      networkInterfaces: z.array(reference.extend({ properties: z.looseObject({ primary: z.boolean() }) })),
    }),
    availabilitySet: reference.optional(),
  }),
  hidden: z.object({
    power: z.enum(["running", "stopped", "deallocated"]),
    /** The identity's secret that its processes send to the token endpoint, and its object id. */
    secret: z.string(),
    principal: z.string(),
  }),
});
export type VirtualMachine = z.infer<typeof virtualMachine>;

export const vmExtension = base.extend({
  properties: z.looseObject({
    provisioningState,
    publisher: z.string(),
    type: z.string(),
    settings: z.record(z.string(), z.unknown()),
  }),
});
export type VmExtensionResource = z.infer<typeof vmExtension>;

export const runCommand = base.extend({
  properties: z.looseObject({
    provisioningState,
    source: z.looseObject({ script: z.string() }),
    parameters: z.array(z.object({ name: z.string(), value: z.string() })),
    treatFailureAsDeploymentFailure: z.boolean(),
    instanceView: z.looseObject({}).optional(),
  }),
});
export type RunCommand = z.infer<typeof runCommand>;

/** Hangs on a subscription, a group or a resource: the part of its id before the last `/providers/`. */
export const lock = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.looseObject({ level: z.enum(["CanNotDelete", "ReadOnly"]) }),
  hidden: z.object({ scope: z.string() }),
});
export type Lock = z.infer<typeof lock>;

/** Hangs on a scope as a lock does. */
export const roleAssignment = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.looseObject({ roleDefinitionId: z.string(), principalId: z.string() }),
  hidden: z.object({ scope: z.string() }),
});
export type RoleAssignment = z.infer<typeof roleAssignment>;

export const operation = z.object({
  id: z.string(),
  /** Names the work in the table of `works.ts`. */
  kind: z.string(),
  resource: z.string(),
  location: z.string(),
  namespace: z.string(),
  status: z.enum(["InProgress", "Succeeded", "Failed"]),
  started: z.number().transform(micros),
  ended: z.number().transform(micros).optional(),
  /** Small and never secret. */
  input: z.record(z.string(), z.string()),
  error: z.object({ status: z.number(), code: z.string(), message: z.string() }).optional(),
});
export type Operation = z.infer<typeof operation>;
