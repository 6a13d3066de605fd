import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, read, resource } from "./resource.ts";

const storageAccount = resource.extend({
  kind: z.string(),
  sku: z.object({ name: z.string() }),
  properties: z.object({
    provisioningState: z.string(),
    primaryEndpoints: z.object({ blob: z.url(), table: z.url().optional() }),
  }),
});
export type StorageAccount = z.infer<typeof storageAccount>;

export interface StorageAccountSpec {
  /** The name is 3..24 of `a-z 0-9`, unique in the world. */
  readonly id: ArmId;
  readonly location: string;
  /** Premium ones are of block blobs alone. */
  readonly sku: "Standard_LRS" | "Standard_ZRS" | "Premium_LRS" | "Premium_ZRS";
  readonly owner: Owner;
}

/** Entra tokens only, TLS 1.2, no anonymous reads. */
export const storageAccountBody = (spec: StorageAccountSpec) => ({
  kind: spec.sku.startsWith("Premium_") ? "BlockBlobStorage" : "StorageV2",
  sku: { name: spec.sku },
  location: spec.location,
  properties: {
    minimumTlsVersion: "TLS1_2",
    supportsHttpsTrafficOnly: true,
    allowBlobPublicAccess: false,
    allowSharedKeyAccess: false,
  },
});

export const ensureStorageAccount = (client: ArmClient, spec: StorageAccountSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: storageAccountBody(spec), again: "write" });

export const getStorageAccount = (client: ArmClient, id: ArmId): Promise<StorageAccount> =>
  read(client, id, storageAccount);

const nameAnswer = z.object({
  nameAvailable: z.boolean(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
});

/** Why a new account cannot have the name, which is one for all of Azure; undefined when it can. */
export async function whyNameTaken(
  client: ArmClient,
  subscription: string,
  name: string,
): Promise<string | undefined> {
  const path = `/subscriptions/${subscription}/providers/Microsoft.Storage/checkNameAvailability`;
  const { body } = await client.post(path, { name, type: "Microsoft.Storage/storageAccounts" });
  const found = parsed(nameAnswer, body, path);
  return found.nameAvailable ? undefined : (found.message ?? found.reason ?? "the name is taken");
}
