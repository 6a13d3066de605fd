import { type Offer, decodeOffer, encodeOffer } from "../journal/offer-document.ts";
import { offerName } from "../journal/names.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { type OfferRequest, OfferWriter } from "./base-digests.ts";
import { unionOf } from "./blocks.ts";
import { DigestGathering, type ProvedPoint, dropGathered } from "./digest-gathering.ts";
import { GrownDigests, cutBlocks, putNewDisks } from "./grown-digests.ts";
import { KeptLost } from "./kept-lost.ts";
import { putKept, readKept } from "./kept-turn.ts";

export interface OfferTurnRequest extends Omit<OfferRequest, "digests"> {
  /** Where the base's journal is. */
  readonly objects: ObjectStore;
  /** The base; `disks` are those of the generation, which may have grown since. */
  readonly point: ProvedPoint;
  /** Digests that memory holds: see `GatherRequest`. */
  readonly held?: number | undefined;
  /** Asked behind each segment, and each sheet that was put: true when the rest is for another turn. */
  readonly enough: () => boolean;
}

/**
 * A part of what `offerDigests` does, with the digests at the base's barrier gathered from its journal: as many turns as it
 * takes, in memory that does not grow with the disks. Whoever comes next goes on behind the last turn that was kept.
 * @returns whether all is offered
 * @throws as `DigestGathering`; ObjectChanged when another run has brought it on
 */
export async function offerTurn(s: OfferTurnRequest): Promise<boolean> {
  const { objects, place } = s;
  const kept = await readOffer(objects, s);
  try {
    return await goOn(s, kept);
  } catch (error) {
    if (!(error instanceof KeptLost)) throw error;
    await endOffer(objects, place.machine);
    return false;
  }
}

interface KeptOffer {
  readonly offer: Offer;
  readonly etag: ETag;
}

const readOffer = (objects: ObjectStore, { place: { machine } }: OfferTurnRequest) =>
  readKept(objects, offerName(machine), (body) => ({ offer: decodeOffer(offerName(machine), body) }));

/** In the names of what is kept. */
const USE = "offer";

async function goOn(s: OfferTurnRequest, kept: KeptOffer | undefined): Promise<boolean> {
  const { objects, key, point, place, held, enough } = s;
  const { machine, generation, digest: base } = place;
  const begun = kept?.offer.generation === generation && kept.offer.base === base ? kept.offer : undefined;
  const request = { objects, key, point, held, scratch: objects, use: USE };
  const gathering = new DigestGathering(request, begun?.gathering);
  const { disks } = s;
  const cut = cutBlocks(disks, point.disks);
  const writer = new OfferWriter({ ...s, forced: unionOf(disks, [cut, ...(s.forced ? [s.forced] : [])]) });
  const sink = new GrownDigests(disks, writer);
  if ((await gathering.walk(enough)) && (await gathering.order(sink, enough))) {
    await putNewDisks(disks, point.disks, writer);
    await writer.finish();
    if (kept || gathering.isStored) await endOffer(objects, machine);
    return true;
  }
  const made = await gathering.keep();
  const body = encodeOffer({ format: 1, machine, generation, base, gathering: made });
  await putKept(objects, offerName(machine), body, kept?.etag);
  await dropGathered({ scratch: objects, point, use: USE }, made);
  return false;
}

/** Nobody goes on with it. May run twice. */
async function endOffer(objects: ObjectStore, machine: Offer["machine"]): Promise<void> {
  await objects.delete([offerName(machine)]);
  await dropGathered({ scratch: objects, point: { machine }, use: USE }, undefined);
}
