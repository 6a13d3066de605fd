import { type VaultSettingView, vaultSettingRequest } from "../../engine/contract/vault.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import type { VaultSetting } from "../../engine/recovery/vault-setting.ts";
import { taggedBy, wantedBy } from "../etag.ts";
import { type Call, bodyOf, route } from "../http.ts";
import { PATHS, vaultIn, vaultSettingIn as idIn } from "../paths.ts";
import { configure } from "./configure.ts";
import { inVault } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { resultRoute } from "./result.ts";

const all = `${PATHS.vault}/replicationVaultSettings`;
const one = `${all}/{setting}`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("listVaultSettings", { ...read, path: all }, async (call) => {
  const found = await inVault(call.services.records.vaultSettings, vaultIn(call.request));
  return pageOf(call, found, ({ id }) => id, view);
});

route("getVaultSetting", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  return {
    ...(await taggedBy(call.services.records.vaultSettings, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route("putVaultSetting", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { properties } = await bodyOf(call.request, vaultSettingRequest);
  const only = wantedBy(call.request);
  const { migrationSolutionId = null, vmwareToAzureProviderType = null } = properties;
  return configure(call, id, "putVaultSetting", () =>
    call.services.records.vaultSettings.upsert(
      resourceKey(id),
      (old) => ({ format: 1, id: old?.id ?? id, migrationSolutionId, vmwareToAzureProviderType }),
      only,
    ),
  );
});

resultRoute("vaultSettingResult", one, idIn, shown);

async function shown({ services }: Call, id: ArmId): Promise<VaultSettingView> {
  const found = await services.records.vaultSettings.get(resourceKey(id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return view(found.value);
}

const view = ({ id, migrationSolutionId, vmwareToAzureProviderType }: VaultSetting): VaultSettingView => ({
  id,
  name: lastSegment(id),
  type: "Microsoft.RecoveryServices/vaults/replicationVaultSettings",
  properties: { migrationSolutionId, vmwareToAzureProviderType },
});
