import { type Sku, capability } from "../azure/sku.ts";
import { isError } from "../recovery/findings.ts";
import { type Counted, type Quotas, coresOf, shortages } from "./quota.ts";
import { type SizeNeeds, misfits, restrictionOf } from "./size-fit.ts";
import type { Offer } from "./survey.ts";

/** What one size is like. */
export interface SizeShape {
  readonly cores: number;
  /** GiB. */
  readonly memory: number;
  /** What the family's quota is named, e.g. `standardDSv5Family`. */
  readonly family?: string | undefined;
}

export interface Alternative extends SizeShape {
  readonly size: string;
}

export interface Wanted {
  /** The size that cannot be had; it is no alternative to itself. */
  readonly size: string;
  /** What it is like; the alternatives come nearest first. */
  readonly like: SizeShape;
  readonly needs: SizeNeeds;
  /** What has to be counted besides the size itself. */
  readonly counted: Omit<Counted, "cores" | "family">;
}

export const shapeOf = (size: Sku): SizeShape => ({
  cores: coresOf(size),
  memory: Number(capability(size, "MemoryGB") ?? 0),
  family: size.family ?? undefined,
});

/**
 * Sizes that the region offers, that start the machine, and that the quotas have room for, best first: those with at least
 * as many cores and as much memory before smaller ones; then the nearest in both; then the same family; then by name.
 * Empty when there is none.
 */
export function alternatives(wanted: Wanted, offer: Offer, quotas: Quotas): Alternative[] {
  const { like } = wanted;
  return [...offer.sizes.values()]
    .filter((size) => !sameName(size.name, wanted.size) && canRun(wanted, size, quotas))
    .map((size): Alternative => ({ size: size.name, ...shapeOf(size) }))
    .toSorted(
      (a, b) =>
        Number(isSmaller(a, like)) - Number(isSmaller(b, like)) ||
        distance(a, like) - distance(b, like) ||
        Number(isOther(a, like)) - Number(isOther(b, like)) ||
        byName(a.size, b.size),
    );
}

/** Whether a machine with these needs can be started with the size now. What costs speed alone does not count. */
function canRun({ needs, counted }: Wanted, size: Sku, quotas: Quotas): boolean {
  if (restrictionOf(size, needs.zone) !== undefined) return false;
  if (misfits(needs, size).some((code) => isError({ code, message: "" }))) return false;
  return (
    shortages({ ...counted, cores: coresOf(size), family: size.family ?? undefined }, quotas).length === 0
  );
}

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

const isSmaller = (size: SizeShape, like: SizeShape): boolean =>
  size.cores < like.cores || size.memory < like.memory;

const isOther = (size: SizeShape, like: SizeShape): boolean =>
  (size.family ?? "").toLowerCase() !== (like.family ?? "").toLowerCase();

/** In doublings of cores and of memory: twice the memory is as far as twice the cores. */
const distance = (size: SizeShape, like: SizeShape): number =>
  doublings(size.cores, like.cores) + doublings(size.memory, like.memory);

/** What Azure does not say is taken for equal. */
const doublings = (a: number, b: number): number => (a > 0 && b > 0 ? Math.abs(Math.log2(a / b)) : 0);

/** By code units, the same everywhere. */
const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
