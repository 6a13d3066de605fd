import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import type { ScriptView } from "./run-command.ts";
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

const viewed = z.object({
  properties: z.object({
    provisioningState: z.string().optional(),
    instanceView: z
      .object({ statuses: z.array(z.object({ message: z.string().nullish() })).nullish() })
      .nullish(),
  }),
});

/** How the extension's script went, as its handler tells it. Undefined when there is no such extension. */
export async function findExtensionView(client: ArmClient, id: ArmId): Promise<ScriptView | undefined> {
  const found = await client.find(id, { query: { $expand: "instanceView" } });
  if (found === undefined) return undefined;
  const { provisioningState = "Succeeded", instanceView } = parsed(viewed, found, id).properties;
  const said = (instanceView?.statuses ?? []).flatMap(({ message }) => message ?? []).join("\n");
  return { state: provisioningState, said };
}
