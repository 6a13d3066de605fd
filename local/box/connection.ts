import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Box } from "./box.ts";
import { REGIONS, VAULT, VAULT_GROUP } from "./place.ts";

/**
 * `.box/connection.json`: all that a client needs while the box runs. The token is worth something only here. Written
 * for readers that may read at any time: gone when the box is.
 */
export async function writeConnection(box: Box, ledgerUrl: string): Promise<{ remove(): void }> {
  const file = path.join(box.plan.directory, "connection.json");
  const connection = {
    endpoint: box.endpoint,
    caFile: box.certificates.ca,
    token: await box.token(),
    subscriptionId: box.plan.subscription,
    resourceGroup: VAULT_GROUP,
    vault: VAULT,
    regions: REGIONS,
    sourceVms: [{ id: box.plan.sourceVm.id, url: ledgerUrl }],
  };
  writeFileSync(file, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  return { remove: () => rmSync(file, { force: true }) };
}
