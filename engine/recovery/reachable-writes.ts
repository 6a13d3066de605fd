import type { BarrierId } from "../core/ids.ts";
import type { Generation } from "../core/units.ts";
import type { Retention } from "./retention.ts";

/**
 * Behind which of its kept points a generation's segments must stay, for every write of the any-write window to be
 * reachable: the newest good one that is older than the window; `all` while there is none, since the generation may have
 * begun within the window; `none` when a later generation has such a point.
 */
export function writesBehind(of: Generation, { keep, writesSince }: Retention): BarrierId | "all" | "none" {
  const floors = keep.filter(({ point }) => !point.bad && point.time <= writesSince);
  if (floors.some(({ point }) => point.generation > of)) return "none";
  return floors.findLast(({ point }) => point.generation === of)?.point.id ?? "all";
}
