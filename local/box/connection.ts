import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { millis } from "../../engine/core/units.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { containerSas } from "../../engine/storage/connect.ts";
import type { Box } from "./box.ts";
import type { Control } from "./control.ts";
import { operatorOf } from "./credential.ts";
import { REGIONS, VAULT, VAULT_GROUP } from "./place.ts";

/**
 * `.box/connection.json`: all that a client needs while the box runs. The token is worth something only here. Written
 * for readers that may read at any time: gone when the box is.
 */
export async function writeConnection(
  box: Box,
  ledgerUrl: string,
  { url, token }: Control,
): Promise<{ remove(): void }> {
  const file = path.join(box.plan.directory, "connection.json");
  const connection = {
    endpoint: box.endpoint,
    caFile: box.certificates.ca,
    token: await box.token(),
    subscriptionId: box.plan.subscription,
    resourceGroup: VAULT_GROUP,
    vault: VAULT,
    regions: REGIONS,
    // The journal in the target region, to read and list: what `leeward restore` needs besides the key.
    journal: {
      containerUrl: await containerUrl(box, box.plan.targetBlobEndpoint),
      keyFile: box.plan.keyFile,
    },
    // For `npm run box`.
    control: { url, token },
    sourceVms: [{ id: box.plan.sourceVm.id, url: ledgerUrl }],
  };
  writeFileSync(file, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  return { remove: () => rmSync(file, { force: true }) };
}

const LIFETIME = millis(24 * 60 * 60 * 1000);

/** The container with a SAS to read and list, in this account. */
export async function containerUrl(box: Box, endpoint: string): Promise<string> {
  const { url } = await containerSas({
    endpoint,
    container: CONTAINER,
    credential: operatorOf(box),
    permissions: "rl",
    lifetime: LIFETIME,
  });
  return url;
}
