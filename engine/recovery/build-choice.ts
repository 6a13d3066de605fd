import { type ItemRecord, sourceOf, targetOf } from "./item.ts";
import type { BootCheck } from "./policy.ts";

/** The size of the target machine: what its failover asked for, what its protection did, or the source's. */
export const sizeOf = (item: ItemRecord): string =>
  item.job.size ?? targetOf(item).size ?? sourceOf(item).vmSize;

/** What the failover waits for. A VM agent that the source did not have is not waited for. */
export function bootCheckOf(item: ItemRecord): BootCheck {
  const wanted = item.job.bootCheck ?? item.policy.bootCheck;
  return sourceOf(item).guestAgent === true ? wanted : "running";
}
