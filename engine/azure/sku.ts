import { z } from "zod";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

const list = <Schema extends z.ZodType>(of: Schema) =>
  z
    .array(of)
    .nullish()
    .transform((found) => found ?? []);

const sku = z.object({
  resourceType: z.string(),
  name: z.string(),
  /** Of VM sizes: what the family's quota is named. */
  family: z.string().nullish(),
  locationInfo: list(z.object({ location: z.string(), zones: list(z.string()) })),
  capabilities: list(z.object({ name: z.string(), value: z.string() })),
  /** Of type `Location` it cannot be had at all, of type `Zone` not in these zones. */
  restrictions: list(
    z.object({
      type: z.string(),
      reasonCode: z.string().nullish(),
      restrictionInfo: z.object({ zones: list(z.string()) }).nullish(),
    }),
  ),
});
export type Sku = z.infer<typeof sku>;

/**
 * What Compute offers in a region to this subscription: sizes of VMs (`virtualMachines`) and kinds of disks (`disks`).
 * Several MiB over many pages: keep what is needed of it.
 */
export async function* listSkus(
  client: ArmClient,
  subscription: string,
  region: string,
): AsyncGenerator<Sku, void, void> {
  const path = `/subscriptions/${subscription}/providers/Microsoft.Compute/skus`;
  for await (const found of client.list(path, { query: { $filter: `location eq '${region}'` } })) {
    const one = parsed(sku, found, path);
    if (one.resourceType === "virtualMachines" || one.resourceType === "disks") yield one;
  }
}

/** A capability's value, as in `PremiumIO`: `True`; undefined where Azure says nothing. */
export const capability = ({ capabilities }: Sku, name: string): string | undefined =>
  capabilities.find((one) => one.name.toLowerCase() === name.toLowerCase())?.value;
