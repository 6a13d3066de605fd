import { expect, test } from "vitest";
import { micros } from "../../../../engine/core/units.ts";
import type { AcknowledgedOrder, OrderLog, UnansweredOrder } from "../../../../local/machine/customers.ts";
import type { Order } from "../../../../local/machine/ledger.ts";
import { compareOrders, ordersProved } from "../../../../local/machine/proof.ts";

const MILLI = 1000;
const contents = { customer: "Ito 1", item: "rope", amount: 120 };

/** Order `id` is asked for at 10·id ms, placed 1 ms later and acknowledged 2 ms later. */
const acknowledged = (id: number): AcknowledgedOrder => ({
  ...contents,
  id,
  requestedAt: micros(10 * id * MILLI),
  placedAt: micros((10 * id + 1) * MILLI),
  acknowledgedAt: micros((10 * id + 2) * MILLI),
});
const restored = (id: number): Order => ({
  ...contents,
  id,
  placedAt: micros((10 * id + 1) * MILLI),
  body: `Receipt ${id}`,
});
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const log = (count: number, unanswered: UnansweredOrder[] = []): OrderLog => ({
  acknowledged: upTo(count).map(acknowledged),
  unanswered,
});
const barrier = micros(55 * MILLI);
const compare = (orders: Order[], known = log(9), tolerance = 0) =>
  compareOrders(known, orders, barrier, tolerance);

test("a ledger with exactly the orders before the barrier is proved", () => {
  const found = compare(upTo(5).map(restored));
  expect(ordersProved(found)).toBe(true);
  expect(found.counts).toEqual({
    restored: 5,
    acknowledgedBefore: 5,
    requestedAfter: 4,
    either: 0,
    unanswered: 0,
  });
});

test("an order that was acknowledged before the barrier and is not there is missing", () => {
  const found = compare(upTo(4).map(restored));
  expect(found.missing.map(({ id }) => id)).toEqual([5]);
  expect(ordersProved(found)).toBe(false);
});

test("an order that was asked for after the barrier and is there is extra", () => {
  const found = compare(upTo(6).map(restored));
  expect(found.extra.map(({ id }) => id)).toEqual([6]);
  expect(ordersProved(found)).toBe(false);
});

test("an order on its way across the barrier may be there or not", () => {
  const across = micros(51 * MILLI);
  for (const count of [4, 5]) {
    const found = compareOrders(log(9), upTo(count).map(restored), across, 0);
    expect(ordersProved(found)).toBe(true);
    expect(found.counts.either).toBe(1);
  }
});

test("orders within the tolerance of the clocks count as on their way", () => {
  const found = compare(upTo(4).map(restored), log(9), 4 * MILLI);
  expect(found.missing).toEqual([]);
  expect(found.counts.either).toBe(1);
});

test("an order with other contents than were acknowledged is changed", () => {
  const orders = upTo(5)
    .map(restored)
    .with(2, { ...restored(3), amount: 121 });
  expect(compare(orders).changed.map(({ id }) => id)).toEqual([3]);
  expect(ordersProved(compare(orders))).toBe(false);
});

test("a hole, a swap and a step back in time are out of order", () => {
  const [one, two, three, four, five] = upTo(5).map(restored);
  const lists = [
    [one, two, four, five],
    [one, three, two, four, five],
    [one, two, three, { ...restored(4), placedAt: micros(1) }, five],
    [two, three],
  ].map((list) => list.filter((order) => order !== undefined));
  expect(lists.map((list) => compare(list).outOfOrder)).toEqual([[4], [3, 2, 4], [4], [2]]);
});

test("an order that got no answer may be there, once", () => {
  const open = { ...contents, requestedAt: micros(52 * MILLI), failedAt: micros(60 * MILLI), reason: "gone" };
  const known = log(5, [open]);
  expect(ordersProved(compare(upTo(6).map(restored), known))).toBe(true);
  const twice = compare(upTo(7).map(restored), known);
  expect(twice.unknown.map(({ id }) => id)).toEqual([7]);
  expect(ordersProved(twice)).toBe(false);
});

test("an empty log proves nothing", () => {
  expect(ordersProved(compare([], log(0)))).toBe(false);
});
