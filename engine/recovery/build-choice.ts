import type { BuildWish } from "./build-wish.ts";
import { type ItemRecord, sourceOf, targetOf } from "./item.ts";
import type { BootCheck } from "./policy.ts";
import { testOf } from "./test-target.ts";

/** Of which copy: the one that is failed over to, or that of a test. */
interface Which {
  readonly test?: true | undefined;
}

/** What the failover, or the test, asked for. */
export const wishOf = (item: ItemRecord, { test }: Which): BuildWish =>
  test ? (testOf(item).build ?? {}) : item.job;

/** The size of the copy: what its failover or test asked for, what its protection did, or the source's. */
export const sizeOf = (item: ItemRecord, which: Which = {}): string =>
  wishOf(item, which).size ?? targetOf(item).size ?? sourceOf(item).vmSize;

/** What is waited for. A VM agent that the source did not have is not. */
export function bootCheckOf(item: ItemRecord, which: Which): BootCheck {
  const wanted = wishOf(item, which).bootCheck ?? item.policy.bootCheck;
  return sourceOf(item).guestAgent === true ? wanted : "running";
}
