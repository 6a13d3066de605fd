import { z } from "zod";
import type { BoxPlan } from "./plan.ts";

/** Asks the box's identity endpoint, as a person's `az account get-access-token` would ask Entra. */
export async function tokenOf(plan: BoxPlan, audience: string): Promise<string> {
  const url = new URL(`http://127.0.0.1:${plan.ports.identity}/msi/token`);
  url.searchParams.set("api-version", "2019-08-01");
  url.searchParams.set("resource", audience);
  const response = await fetch(url, { headers: { "x-identity-header": plan.operator.secret } });
  if (!response.ok) throw new Error(`the identity endpoint answered ${response.status}`);
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}
