import { readFileSync } from "node:fs";
import path from "node:path";
import { SiteRecoveryManagementClient } from "@azure/arm-recoveryservices-siterecovery";
import { tokenOf } from "../../local/box/identity.ts";
import { API_AUDIENCE } from "../../local/box/place.ts";
import type { BoxFixture } from "./fixture.ts";

/** Microsoft's own client of Site Recovery, as the box's operator, over https with the client's stock authentication. */
export function siteRecoveryClient({ box, directory }: BoxFixture): SiteRecoveryManagementClient {
  const credential = {
    getToken: async () => ({
      token: await tokenOf(box.plan, API_AUDIENCE),
      expiresOnTimestamp: Date.now() + 600_000,
    }),
  };
  const ca = readFileSync(path.join(directory, "tls", "ca.pem"), "utf8");
  return new SiteRecoveryManagementClient(credential, box.plan.subscription, {
    endpoint: box.endpoint,
    credentialScopes: `${API_AUDIENCE}/.default`,
    tlsOptions: { ca },
  });
}

/** Everything of a list, over all its pages. */
export async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of pages) found.push(one);
  return found;
}
