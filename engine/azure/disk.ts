import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import type { ArmId } from "../core/ids.ts";
import { type Bytes, GIB, bytes } from "../core/units.ts";
import type { Clock } from "../core/clock.ts";
import type { ArmAnswer, ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, ensured, read, resource } from "./resource.ts";
import { VHD_FOOTER_BYTES } from "./vhd-footer.ts";

const disk = resource.extend({
  sku: z.object({ name: z.string() }).optional(),
  zones: z.array(z.string()).optional(),
  managedBy: z.string().optional(),
  properties: z.object({
    provisioningState: z.string(),
    /** Unattached, Attached, Reserved, ActiveSAS, ReadyToUpload, ActiveUpload and a few more. */
    diskState: z.string(),
    diskSizeBytes: z.number().transform(bytes),
    osType: z.enum(["Linux", "Windows"]).optional(),
    hyperVGeneration: z.string().optional(),
    uniqueId: z.string().optional(),
    creationData: z.object({ createOption: z.string() }).optional(),
    maxShares: z.number().nullish(),
    supportedCapabilities: z
      .object({ architecture: z.string().nullish(), diskControllerTypes: z.string().nullish() })
      .nullish(),
    purchasePlan: z.looseObject({}).nullish(),
    encryption: z.object({ type: z.string().nullish(), diskEncryptionSetId: z.string().nullish() }).nullish(),
    securityProfile: z.object({ securityType: z.string().nullish() }).nullish(),
    /** Azure Disk Encryption: the guest encrypts with a key of a vault in its region. */
    encryptionSettingsCollection: z.object({ enabled: z.boolean() }).nullish(),
  }),
});
export type Disk = z.infer<typeof disk>;

/** Where a new disk's content comes from. Sizes are the disk's, without the VHD footer, whole MiB. */
export type DiskSource =
  | { readonly from: "empty"; readonly size: Bytes }
  | { readonly from: "upload"; readonly size: Bytes }
  | { readonly from: "import"; readonly blobUrl: string; readonly storageAccount: ArmId }
  | { readonly from: "copy"; readonly resource: ArmId };

export interface DiskSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly sku: string;
  readonly source: DiskSource;
  readonly zones?: readonly string[];
  readonly osType?: "Linux" | "Windows";
  readonly hyperVGeneration?: string | undefined;
  readonly securityType?: string | undefined;
  readonly architecture?: string | undefined;
  /** As in `SCSI, NVMe`. */
  readonly controllers?: string | undefined;
  readonly purchasePlan?: Readonly<Record<string, unknown>> | undefined;
  readonly encryptionSet?: ArmId | undefined;
  readonly owner: Owner;
}

export const diskBody = (spec: DiskSpec) => ({
  location: spec.location,
  sku: { name: spec.sku },
  ...(spec.zones && { zones: spec.zones }),
  properties: {
    ...creation(spec.source),
    ...(spec.osType && { osType: spec.osType }),
    ...(spec.hyperVGeneration && { hyperVGeneration: spec.hyperVGeneration }),
    ...(spec.securityType && { securityProfile: { securityType: spec.securityType } }),
    ...((spec.architecture || spec.controllers) && { supportedCapabilities: capabilities(spec) }),
    ...(spec.purchasePlan && { purchasePlan: spec.purchasePlan }),
    ...(spec.encryptionSet && {
      encryption: { type: "EncryptionAtRestWithCustomerKey", diskEncryptionSetId: spec.encryptionSet },
    }),
  },
});

const capabilities = ({ architecture, controllers }: DiskSpec) => ({
  ...(architecture && { architecture }),
  ...(controllers && { diskControllerTypes: controllers }),
});

/** The source counts only at creation, so an existing disk of ours is kept as it is. */
export const ensureDisk = (client: ArmClient, spec: DiskSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: diskBody(spec), again: "keep" });

/** How a disk of ours was made. */
export const isMadeBy = (from: "import" | "upload", { properties }: Disk): boolean =>
  properties.creationData?.createOption.toLowerCase() === from;

export const getDisk = (client: ArmClient, id: ArmId): Promise<Disk> => read(client, id, disk);

/** Undefined when there is none. */
export async function findDisk(client: ArmClient, id: ArmId): Promise<Disk | undefined> {
  const found = await client.find(id);
  return found === undefined ? undefined : parsed(disk, found, id);
}

const access = z.object({ accessSAS: z.url() });
/** The operation's output comes bare from its location and nested from its status document. */
const granted = z.union([access, z.object({ properties: z.object({ output: access }) })]);

/**
 * Opens the disk for its bytes and returns the SAS URL, a secret: keep it in this process, never in orchestration
 * history. Polls by itself, since the answer must not pass through an `ArmOperation`. Opening an open disk gives a new URL.
 */
export async function openDisk(
  client: ArmClient,
  id: ArmId,
  grant: { readonly access: "Read" | "Write"; readonly seconds: number },
  clock: Clock,
  signal?: AbortSignal,
): Promise<string> {
  const body = { access: grant.access, durationInSeconds: grant.seconds };
  const answer = await client.post(`${id}/beginGetAccess`, body);
  return sasOf(id, await outcome(client, answer, clock, signal));
}

/** Revokes every SAS of the disk; an upload is thereby finished. May run twice. */
export async function closeDisk(client: ArmClient, id: ArmId): Promise<Ensured> {
  return ensured(id, await client.post(`${id}/endGetAccess`));
}

async function outcome(client: ArmClient, answer: ArmAnswer, clock: Clock, signal?: AbortSignal) {
  let { body, operation } = answer;
  while (operation) {
    await clock.sleep(operation.retryAfter, signal);
    const polled = await client.poll(operation);
    // Azure's own clients take the answer at the location; a status document may have it as well.
    if (polled.done) body = polled.body ?? (await client.result(operation));
    operation = polled.done ? undefined : polled.operation;
  }
  return body;
}

function sasOf(id: ArmId, body: unknown): string {
  const found = parsed(granted, body, `beginGetAccess of ${id}`);
  const url = "accessSAS" in found ? found.accessSAS : found.properties.output.accessSAS;
  if (!url.startsWith("https://"))
    throw new LeewardError("ArmFailed", `beginGetAccess of ${id}: the SAS is not an https URL`);
  return url;
}

function creation(source: DiskSource) {
  switch (source.from) {
    case "empty":
      return { creationData: { createOption: "Empty" }, diskSizeGB: Math.ceil(source.size / GIB) };
    case "upload":
      return {
        creationData: { createOption: "Upload", uploadSizeBytes: source.size + VHD_FOOTER_BYTES },
      };
    case "import":
      return {
        creationData: {
          createOption: "Import",
          sourceUri: source.blobUrl,
          storageAccountId: source.storageAccount,
        },
      };
    case "copy":
      return { creationData: { createOption: "Copy", sourceResourceId: source.resource } };
  }
}
