import { z } from "zod";
import { armId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

const id = z.string().transform(checked(armId));

/** Whom a vault's alerts go to. Kind `alertSetting`, by `resourceKey`. */
export const alertSetting = z.object({
  format: z.literal(1),
  id,
  sendToOwners: z.string(),
  customEmailAddresses: z.array(z.string()),
  locale: z.string(),
});
export type AlertSetting = z.infer<typeof alertSetting>;

/** Kind `vaultSetting`, by `resourceKey`. Kept and shown: nothing of Leeward goes by it. */
export const vaultSetting = z.object({
  format: z.literal(1),
  id,
  migrationSolutionId: z.string().nullable(),
  vmwareToAzureProviderType: z.string().nullable(),
});
export type VaultSetting = z.infer<typeof vaultSetting>;
