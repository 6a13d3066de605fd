import { LeewardError } from "../core/errors.ts";
import { withCopies } from "../core/copies.ts";
import type { MachineId } from "../core/ids.ts";
import { bytes, ordinal } from "../core/units.ts";
import { copiesIn } from "./header.ts";
import type { JournalPosition } from "./position.ts";
import { type CheckedSegment, placeOf } from "./segment.ts";

/**
 * The position behind the segment, if it is the one that comes at this position.
 * @throws ChainBroken saying which of machine, generation, ordinal, chain or sequence does not fit.
 */
export function follow(
  machine: MachineId,
  position: JournalPosition,
  { header, digest }: Pick<CheckedSegment, "header" | "digest">,
): JournalPosition {
  const expect = (what: string, wanted: string | number, found: string | number) => {
    if (wanted !== found)
      throw new LeewardError("ChainBroken", `${placeOf(header)}: ${what} is ${found}, not ${wanted}`);
  };
  expect("machine", machine, header.machine);
  expect("generation", position.generation, header.generation);
  expect("ordinal", position.next, header.ordinal);
  expect("digest of the segment before", position.chain, header.previous);
  expect("last write before it", position.sequence, header.from);
  return {
    generation: position.generation,
    next: ordinal(header.ordinal + 1),
    chain: digest,
    sequence: header.to,
    time: header.to > header.from ? header.lastTime : position.time,
    bytes: bytes(position.bytes + header.dataBytes),
    ...withCopies(position.copied, copiesIn(header)),
  };
}
