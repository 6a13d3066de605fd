import type { Micros } from "../../engine/core/units.ts";
import type { AcknowledgedOrder, OrderLog } from "./customers.ts";
import type { Order } from "./ledger.ts";

export interface OrderComparison {
  /** Acknowledged before the barrier, and not there. */
  readonly missing: readonly AcknowledgedOrder[];
  /** Requested after the barrier, and there. */
  readonly extra: readonly AcknowledgedOrder[];
  /** There, with contents other than what was ordered and acknowledged. */
  readonly changed: readonly AcknowledgedOrder[];
  /** There, and no customer of this log ever asked for it. */
  readonly unknown: readonly Order[];
  /** Ids at which the restored orders leave a gap or go back in number or time. */
  readonly outOfOrder: readonly number[];
  readonly counts: {
    readonly restored: number;
    readonly acknowledgedBefore: number;
    readonly requestedAfter: number;
    /** On their way across the barrier: they may be there or not. */
    readonly either: number;
    readonly unanswered: number;
  };
}

/**
 * Compares what the customers know with what a restored ledger holds. Pure.
 *
 * @param restored every order of the restored ledger, as it returned them
 * @param barrier the recovery point's time. Customers and agent read one computer's clock, each through its own
 *   process: `tolerance` microseconds around the barrier count as "on their way".
 */
export function compareOrders(
  log: OrderLog,
  restored: readonly Order[],
  barrier: Micros,
  tolerance = 5_000,
): OrderComparison {
  const byId = new Map(restored.map((order) => [order.id, order]));
  const before = log.acknowledged.filter((order) => order.acknowledgedAt < barrier - tolerance);
  const after = log.acknowledged.filter((order) => order.requestedAt > barrier + tolerance);
  return {
    missing: before.filter((order) => !byId.has(order.id)),
    extra: after.filter((order) => byId.has(order.id)),
    changed: log.acknowledged.filter((order) => differs(order, byId.get(order.id))),
    unknown: unknownOrders(log, restored),
    outOfOrder: outOfOrder(restored),
    counts: {
      restored: restored.length,
      acknowledgedBefore: before.length,
      requestedAfter: after.length,
      either: log.acknowledged.length - before.length - after.length,
      unanswered: log.unanswered.length,
    },
  };
}

/** True when nothing at all is wrong and there was something to compare. */
export const ordersProved = (found: OrderComparison): boolean =>
  found.counts.acknowledgedBefore > 0 &&
  [found.missing, found.extra, found.changed, found.unknown, found.outOfOrder].every(
    (list) => list.length === 0,
  );

function differs(known: AcknowledgedOrder, found: Order | undefined): boolean {
  if (!found) return false;
  return contents(known) !== contents(found) || known.placedAt !== found.placedAt;
}

/** An order without an acknowledgement must be one of those that got no answer, each at most once. */
function unknownOrders(log: OrderLog, restored: readonly Order[]): Order[] {
  const acknowledged = new Set(log.acknowledged.map(({ id }) => id));
  const open = new Map<string, number>();
  for (const order of log.unanswered) open.set(contents(order), (open.get(contents(order)) ?? 0) + 1);
  return restored.filter((order) => {
    if (acknowledged.has(order.id)) return false;
    const left = open.get(contents(order)) ?? 0;
    open.set(contents(order), left - 1);
    return left <= 0;
  });
}

const contents = ({ customer, item, amount }: { customer: string; item: string; amount: number }): string =>
  JSON.stringify([customer, item, amount]);

function outOfOrder(restored: readonly Order[]): number[] {
  return restored.flatMap((order, index) => {
    const previous = restored[index - 1];
    const follows = previous
      ? order.id === previous.id + 1 && order.placedAt >= previous.placedAt
      : order.id === 1;
    return follows ? [] : [order.id];
  });
}
