import type { TokenCredential } from "@azure/identity";
import type { RegisterResponse } from "../engine/contract/agent-api.ts";
import { type Micros, micros, millis } from "../engine/core/units.ts";
import { CONTAINER } from "../engine/journal/names.ts";
import { containerSas } from "../engine/storage/connect.ts";

export type CacheAccess = RegisterResponse["cache"];

const LIFETIME = millis(12 * 3600 * 1000);
/** Renewed well before its end, so that an agent outlives some hours without this app. */
const RENEW_BEFORE = 6 * 3600 * 1e6;

/** Access for the agent: it may create and read in the cache container, never overwrite, delete or list. A secret. */
export async function cacheAccess(credential: TokenCredential, endpoint: string): Promise<CacheAccess> {
  const sas = await containerSas({
    endpoint,
    container: CONTAINER,
    credential,
    permissions: "rc",
    lifetime: LIFETIME,
  });
  return { containerUrl: sas.url, expires: micros(sas.expires.getTime() * 1000) };
}

/** New access may mend a refusal, and an agent that was refused waits for it; but not with every heartbeat. */
const REFUSALS: ReadonlySet<string> = new Set(["StorageDenied", "StorageRefused", "NotFound"]);
const RENEW_REFUSED_AFTER = 600e6;

/** @param problem the code of what the agent complains of */
export function renewalDue(now: Micros, until: Micros, problem: string | undefined): boolean {
  const left = until - now;
  const age = LIFETIME * 1000 - left;
  return left < RENEW_BEFORE || (REFUSALS.has(problem ?? "") && age > RENEW_REFUSED_AFTER);
}
