import { z } from "zod";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

const provider = z.object({ registrationState: z.string() });

/** `Registered`, `NotRegistered`, `Registering` …: a subscription uses only what it has registered. */
export async function registrationOf(
  client: ArmClient,
  subscription: string,
  namespace: string,
): Promise<string> {
  const path = `/subscriptions/${subscription}/providers/${namespace}`;
  return parsed(provider, (await client.get(path)).body, path).registrationState;
}
