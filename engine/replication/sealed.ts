import type { DataKey } from "../journal/key.ts";
import { type CheckedLayerPart, openLayerPart, placeOfPart } from "../journal/layer.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalRecord } from "../journal/record.ts";
import { type CheckedSegment, placeOf } from "../journal/segment.ts";

/** Writes and marks as they are stored: each segment by itself, or merged. */
export type Sealed = CheckedSegment | CheckedLayerPart;

export const isLayerPart = (sealed: Sealed): sealed is CheckedLayerPart => "part" in sealed.header;

/** @param into as in `openSegment` @throws KeyWrong, SegmentDamaged, LayerDamaged */
export const openSealed = (sealed: Sealed, key: DataKey, into?: Buffer): Promise<JournalRecord[]> =>
  isLayerPart(sealed) ? openLayerPart(sealed, key, into) : openSegment(sealed, key, into);

/** What it is, for messages. */
export const placeOfSealed = (sealed: Sealed): string =>
  isLayerPart(sealed) ? placeOfPart(sealed.header) : placeOf(sealed.header);
