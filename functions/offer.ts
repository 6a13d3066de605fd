import type { ArmClient } from "../engine/azure/arm.ts";
import { type Sku, listSkus } from "../engine/azure/sku.ts";
import type { Clock } from "../engine/core/clock.ts";
import type { Offer } from "../engine/eligibility/survey.ts";

/** Azure's advice for a list of several MiB that hardly changes. */
const KEPT = 24 * 3600e6;

interface Kept {
  readonly at: number;
  readonly offer: Promise<Offer>;
}

/**
 * What a region offers, read once a day by each process, or again when what is known is older than the caller wants it. A
 * list that could not be read is not kept, and does not replace an older one.
 */
export function offers(
  arm: ArmClient,
  clock: Clock,
): (subscription: string, region: string, oldest?: number) => Promise<Offer> {
  const known = new Map<string, Kept>();
  return (subscription, region, oldest = KEPT) => {
    const key = `${subscription} ${region}`;
    const now = clock.now();
    const kept = known.get(key);
    if (kept && now - kept.at < oldest) return kept.offer;
    const offer = read(arm, subscription, region);
    known.set(key, { at: now, offer });
    offer.catch(() => (kept ? known.set(key, kept) : known.delete(key)));
    return offer;
  };
}

async function read(arm: ArmClient, subscription: string, region: string): Promise<Offer> {
  const sizes = new Map<string, Sku>();
  const disks = new Map<string, Sku>();
  for await (const sku of listSkus(arm, subscription, region))
    (sku.resourceType === "disks" ? disks : sizes).set(sku.name.toLowerCase(), sku);
  return { sizes, disks };
}
