/**
 * A direction of replication, and the region that it leads from: direction 0 from region 0 to region 1, direction 1 back. Each
 * has its cache where its machines run, and its records, journal and replica where it leads to.
 */
export type Side = 0 | 1;

export const SIDES: readonly Side[] = [0, 1];
export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0);

/** Of eight seeds one is a life between two regions, unless it is long for another reason. */
export const mayTurn = (seed: number): boolean => seed % 8 === 3;

/** Names of the regions. */
export const REGIONS = ["here", "there"] as const;
