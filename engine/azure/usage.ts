import { z } from "zod";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

const usage = z.object({
  currentValue: z.number(),
  limit: z.number(),
  name: z.object({ value: z.string(), localizedValue: z.string().nullish() }),
});

/** A quota of the subscription in a region, e.g. `cores`, `standardDSv5Family`, `NetworkInterfaces`. */
export interface Usage {
  readonly name: string;
  /** As a person reads it. */
  readonly words: string;
  readonly used: number;
  readonly limit: number;
}

/** @throws ArmFailed when the identity may not read them: the right belongs to the subscription, not to a group. */
export async function listUsages(
  client: ArmClient,
  subscription: string,
  provider: "Microsoft.Compute" | "Microsoft.Network",
  region: string,
): Promise<Usage[]> {
  const path = `/subscriptions/${subscription}/providers/${provider}/locations/${region}/usages`;
  const found = [];
  for await (const one of client.list(path)) {
    const { name, currentValue: used, limit } = parsed(usage, one, path);
    found.push({ name: name.value, words: name.localizedValue ?? name.value, used, limit });
  }
  return found;
}
