import type { MachineId } from "../core/ids.ts";
import { verificationName } from "../journal/names.ts";
import {
  type Verification,
  decodeVerification,
  encodeVerification,
} from "../journal/verification-document.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { type SizedDisk, blocksFromText, textOfBlocks } from "./blocks.ts";
import { dropGathered } from "./digest-gathering.ts";
import type { BlocksLeft } from "./journal-blocks.ts";
import { isUseless, putKept, readKept } from "./kept-turn.ts";
import { type PartialsPlace, dropPartials, putPartials, readPartials } from "./partial-blocks.ts";

/** What earlier turns left. */
export interface KeptVerification {
  readonly verification: Verification;
  /** The next one takes its place. */
  readonly etag: ETag;
}

/** A verification that somebody has begun on this road, of whatever point. Undefined when there is none, or none that can be believed. */
export function readVerification(
  objects: ObjectStore,
  machine: MachineId,
  road: string,
): Promise<KeptVerification | undefined> {
  const name = verificationName(machine, road);
  return readKept(objects, name, (body) => ({ verification: decodeVerification(name, body) }));
}

const WHAT = "a verification";

/** What is left to do of it; undefined when that cannot be believed. @throws storage errors, KeyWrong */
export async function blocksLeft(
  place: PartialsPlace,
  { place: at, wanted, deferred, partial }: Verification,
  disks: readonly SizedDisk[],
): Promise<BlocksLeft | undefined> {
  try {
    const pieces = partial ? await readPartials(place, partial) : [];
    return {
      place: at,
      wanted: blocksFromText(WHAT, wanted, disks),
      deferred: blocksFromText(WHAT, deferred, disks),
      pieces,
    };
  } catch (error) {
    if (!isUseless(error)) throw error;
    return undefined;
  }
}

/**
 * Keeps how far a turn came, what is known of blocks first.
 * @param etag of the document that it takes the place of
 * @throws ObjectChanged when another run has brought it on, or ended it
 */
export async function keepVerification(
  place: PartialsPlace,
  made: Omit<Verification, "place" | "wanted" | "deferred" | "partial">,
  { place: at, wanted, deferred, pieces }: BlocksLeft,
  etag: ETag | undefined,
): Promise<void> {
  const { objects, point, road } = place;
  const name = verificationName(point.machine, road);
  const partial = await putPartials(place, pieces);
  const body = encodeVerification({
    ...made,
    ...(at && { place: at }),
    wanted: textOfBlocks(wanted),
    deferred: textOfBlocks(deferred),
    ...(partial && { partial }),
  });
  await putKept(objects, name, body, etag);
  await dropPartials(place, partial);
  await dropGathered({ scratch: objects, point, use: road }, made.gathering ?? made.digests);
}

/** Nobody goes on with it. May run twice. */
export async function endVerification(objects: ObjectStore, machine: MachineId, road: string): Promise<void> {
  await objects.delete([verificationName(machine, road)]);
  await dropPartials({ objects, point: { machine }, road }, undefined);
  await dropGathered({ scratch: objects, point: { machine }, use: road }, undefined);
}
