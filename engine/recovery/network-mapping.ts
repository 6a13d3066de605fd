import { createHash } from "node:crypto";
import { z } from "zod";
import { type ArmId, armId, sameArmId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type ItemRecord, lastSegment } from "./item.ts";
import { networkOf, placeOf } from "./target-names.ts";

const arm = z.string().transform(checked(armId));

/**
 * Where machines of a network go when they are protected. A row is of one direction, and enablement makes those of both.
 * Kind `mapping`, by the source network; changed by ETag compare-and-swap. There is nothing of it in Azure.
 */
export const networkMapping = z.object({
  format: z.literal(1),
  /** As the API calls it. */
  name: z.string(),
  /** As its caller named it; absent for one that enablement made. */
  id: arm.optional(),
  /** The fabric that it leads to, as its caller called it. */
  recoveryFabric: z.string().optional(),
  source: arm,
  target: arm,
  /** Names at the target by those at the source; one that is not here keeps its name. */
  subnets: z.record(z.string(), z.string()),
  /** `caller`: he named the target network, so it is never made. */
  by: z.enum(["enablement", "caller"]),
});
export type NetworkMapping = z.infer<typeof networkMapping>;

/** Compare the id found: digits may collide. */
export const mappingKey = (source: ArmId): string =>
  createHash("sha256").update(source.toLowerCase()).digest("hex").slice(0, 16);

/** Of a row that nobody named. */
export const mappingName = (source: ArmId): string =>
  `${lastSegment(source)}-${mappingKey(source).slice(0, 8)}`;

/**
 * The row of the way back. Of subnets that lead to one, the first by name comes back.
 * Its target is a network that somebody has already, so it is as good as named.
 */
export function wayBack({ source, target, subnets }: NetworkMapping): NetworkMapping {
  const turned = Object.entries(subnets)
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .map(([from, to]) => [to, from] as const);
  return {
    format: 1,
    name: mappingName(target),
    source: target,
    target: source,
    subnets: Object.fromEntries(turned),
    by: "caller",
  };
}

/** The subnet that a subnet's machines go to. */
export const mappedSubnet = ({ subnets }: NetworkMapping, name: string): string => {
  const found = Object.entries(subnets).find(([from]) => from.toLowerCase() === name.toLowerCase());
  return found?.[1] ?? name;
};

/** The row once an enablement wants it: one that is there decides, whoever made it. */
export const withMapping = (old: NetworkMapping | undefined, wanted: NetworkMapping): NetworkMapping =>
  old && sameArmId(old.source, wanted.source) ? old : wanted;

/**
 * Rows of a machine that was given to the other direction, for the side that takes it: what it runs in now leads to the
 * networks that it came from, and the other way round.
 */
export function rowsOfReversal({ source, target }: Pick<ItemRecord, "source" | "target">): NetworkMapping[] {
  const rows = new Map<string, NetworkMapping>();
  for (const nic of source?.nics ?? []) {
    const place = target && placeOf(target, nic);
    if (!place || !nic.network) continue;
    const [now, home] = [networkOf(place.subnet), nic.network];
    const row = rows.get(now.toLowerCase());
    if (row && !sameArmId(row.target, home)) continue;
    const to = lastSegment(place.subnet);
    const subnets = { [to]: nic.subnet, ...row?.subnets };
    const name = mappingName(now);
    rows.set(now.toLowerCase(), { format: 1, name, source: now, target: home, subnets, by: "caller" });
  }
  return [...rows.values()].flatMap((row) => [row, wayBack(row)]);
}
