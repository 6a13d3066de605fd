import { LeewardError } from "../../engine/core/errors.ts";
import { type Bytes, bytes } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { openSegment } from "../../engine/journal/open.ts";
import { readBackward } from "../../engine/replication/journal-reader.ts";
import { generationStart } from "../../engine/replication/lineage.ts";
import type { Place } from "./place.ts";
import type { Services } from "../services.ts";

/**
 * Bytes of data in the generation up to exactly the point's barrier, or the write: the position of a point lies behind its proof and counts
 * the writes between as well. The manifest says it; for a write, and for a manifest that does not, reads the few segments between the two. Where they are damaged or gone the position's own figure
 * is given, since a point that the replica holds can be used all the same.
 */
export async function bytesAtBarrier(services: Services, point: Place | RecoveryPoint): Promise<Bytes> {
  if ("losses" in point && point.bytes !== undefined) return point.bytes;
  try {
    return bytes(point.position.bytes - (await bytesBehind(services, point)));
  } catch (error) {
    if (error instanceof LeewardError && error.class !== "retry") return point.position.bytes;
    throw error;
  }
}

async function bytesBehind({ target, keyOf }: Services, point: Place): Promise<number> {
  const { machine, position, sequence } = point;
  const key = await keyOf(machine);
  const range = {
    objects: target,
    machine,
    from: await generationStart(target, machine, point.generation),
    to: position,
    parallel: 1,
  };
  let behind = 0;
  for await (const segment of readBackward(range)) {
    if (segment.header.to <= sequence) break;
    for (const record of await openSegment(segment, key))
      if (record.kind === "data" && record.sequence > sequence) behind += record.data.length;
  }
  return behind;
}
