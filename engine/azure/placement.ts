import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

const zones = z
  .array(z.string())
  .nullish()
  .transform((found) => found ?? []);

const placement = z.object({
  location: z.string(),
  zones,
  sku: z.object({ name: z.string().nullish() }).nullish(),
  properties: z
    .object({
      /** Of a scale set: `Uniform` unless it says `Flexible`. */
      orchestrationMode: z.string().nullish(),
      singlePlacementGroup: z.boolean().nullish(),
      proximityPlacementGroup: z.object({ id: z.string() }).nullish(),
    })
    .default({}),
});
/** Something of Compute or Storage that a machine is placed in or leans on, as far as it tells who fits. */
export type Placement = z.infer<typeof placement>;

export async function findPlacement(client: ArmClient, id: ArmId): Promise<Placement | undefined> {
  const body = await client.find(id);
  return body === undefined ? undefined : parsed(placement, body, id);
}

const reservation = z.object({ zones, sku: z.object({ name: z.string() }) });
export type Reservation = z.infer<typeof reservation>;

/** What a group of capacity reservations reserves: one size each, in one zone or in none. */
export async function listReservations(client: ArmClient, group: ArmId): Promise<Reservation[]> {
  const path = `${group}/capacityReservations`;
  const found: Reservation[] = [];
  for await (const one of client.list(path)) found.push(parsed(reservation, one, path));
  return found;
}
