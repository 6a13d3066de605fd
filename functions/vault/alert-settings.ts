import { type AlertView, alertRequest } from "../../engine/contract/vault.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { armId } from "../../engine/core/ids.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import type { AlertSetting } from "../../engine/recovery/vault-setting.ts";
import { taggedBy, wantedBy } from "../etag.ts";
import { bodyOf, route } from "../http.ts";
import { PATHS, alertSettingIn as idIn, vaultIn } from "../paths.ts";
import { inVault } from "./inventory.ts";
import { pageOf } from "./paging.ts";

/*
 * Whom alerts go to is kept and shown, for the clients that set it. Leeward sends no mail: its figures and events are for a
 * monitoring system, which does.
 */

const all = `${PATHS.vault}/replicationAlertSettings`;
const one = `${all}/{setting}`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("listAlertSettings", { ...read, path: all }, async (call) => {
  const found = await inVault(call.services.records.alertSettings, vaultIn(call.request));
  return pageOf(call, found, ({ id }) => id, view);
});

/** ASR's default setting is there before anybody has set it. */
route("getAlertSetting", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  const tagged = await taggedBy(call.services.records.alertSettings, resourceKey(id));
  const found = (await call.services.records.alertSettings.get(resourceKey(id)))?.value;
  if (!found && lastSegment(id).toLowerCase() !== "defaultalertsetting")
    throw new LeewardError("NotFound", `there is no ${id}`);
  return { ...tagged, jsonBody: view(found ?? { ...NOBODY, id }) };
});

route("putAlertSetting", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { properties } = await bodyOf(call.request, alertRequest);
  const saved = await call.services.records.alertSettings.upsert(
    resourceKey(id),
    (old) => ({ format: 1, id: armId(old?.id ?? id), ...properties }),
    wantedBy(call.request),
  );
  return { jsonBody: view(saved) };
});

const NOBODY = { sendToOwners: "DoNotSend", customEmailAddresses: [], locale: "" };

const view = ({
  id,
  sendToOwners,
  customEmailAddresses,
  locale,
}: Omit<AlertSetting, "format">): AlertView => ({
  id,
  name: lastSegment(id),
  type: "Microsoft.RecoveryServices/vaults/replicationAlertSettings",
  properties: { sendToOwners, customEmailAddresses: [...customEmailAddresses], locale },
});
