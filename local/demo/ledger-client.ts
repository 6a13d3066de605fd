import { z } from "zod";
import type { Order } from "../machine/ledger.ts";
import { micros } from "../../engine/core/units.ts";

const order = z.object({
  id: z.number().int(),
  customer: z.string(),
  item: z.string(),
  amount: z.number(),
  body: z.string(),
  placedAt: z.number().transform(micros),
});
const page = z.object({ orders: z.array(order) });
const integrity = z.object({ ok: z.boolean(), report: z.array(z.string()), orders: z.number() });
const PAGE = 1000;

/** Every order that the ledger holds, by ascending id. */
export async function allOrders(url: string): Promise<Order[]> {
  const orders: Order[] = [];
  for (;;) {
    const after = orders.at(-1)?.id ?? 0;
    const response = await fetch(new URL(`/orders?after=${after}&limit=${PAGE}`, url));
    const found = page.parse(await response.json()).orders;
    if (found.length === 0) return orders;
    orders.push(...found);
  }
}

/** The database's own check of itself. */
export async function checkIntegrity(url: string): Promise<z.infer<typeof integrity>> {
  const response = await fetch(new URL("/integrity", url));
  return integrity.parse(await response.json());
}
