import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure } from "./resource.ts";

export const extensionId = (machine: ArmId, name: string): ArmId => armId(`${machine}/extensions/${name}`);

export interface VmExtensionSpec {
  readonly id: ArmId;
  /** The VM's region. */
  readonly location: string;
  readonly publisher: string;
  readonly type: string;
  readonly version: string;
  /** Readable by anyone who may read the VM. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Encrypted for the VM; Azure never returns them. Secrets belong here only. */
  readonly protectedSettings?: Readonly<Record<string, unknown>>;
  readonly owner: Owner;
}

export const vmExtensionBody = (spec: VmExtensionSpec) => ({
  location: spec.location,
  properties: {
    publisher: spec.publisher,
    type: spec.type,
    typeHandlerVersion: spec.version,
    autoUpgradeMinorVersion: true,
    settings: spec.settings,
    ...(spec.protectedSettings && { protectedSettings: spec.protectedSettings }),
    suppressFailures: false,
  },
});

/** Written again each time: that is how new settings reach the VM. */
export const ensureVmExtension = (client: ArmClient, spec: VmExtensionSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: vmExtensionBody(spec), again: "write" });

const extension = z.object({
  name: z.string(),
  properties: z.object({
    publisher: z.string().nullish(),
    type: z.string().nullish(),
    provisioningState: z.string().nullish(),
  }),
});

export interface InstalledExtension {
  readonly name: string;
  /** As in `Microsoft.Azure.Extensions.CustomScript`. */
  readonly kind: string;
}

export async function listVmExtensions(client: ArmClient, machine: ArmId): Promise<InstalledExtension[]> {
  const path = `${machine}/extensions`;
  const found = [];
  for await (const one of client.list(path)) {
    const { name, properties } = parsed(extension, one, path);
    found.push({ name, kind: `${properties.publisher ?? ""}.${properties.type ?? ""}` });
  }
  return found;
}
