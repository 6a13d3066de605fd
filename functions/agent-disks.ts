import type { RegisterRequest, RegisterResponse } from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { DiskIndex, Generation } from "../engine/core/units.ts";
import { disksIn } from "../engine/recovery/disk-size.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { keepsMarks } from "../engine/recovery/resync.ts";
import type { ResyncProgress } from "../engine/recovery/resync-request.ts";

/**
 * Every protected disk must be there, and none be smaller. An agent that chooses may stand before others besides: it is told
 * which of them it records.
 * @throws InvalidRequest
 */
export function checkDisks(item: ItemRecord, { disks, chooses }: RegisterRequest): void {
  const enabled = item.source?.disks ?? [];
  const found = enabled.every(({ index, size }) =>
    disks.some((disk) => disk.index === index && disk.size >= size),
  );
  if (found && (chooses === true || enabled.length === disks.length)) return;
  const said = enabled.map(({ index, size }) => `${index}: ${size} bytes`).join(", ");
  throw new LeewardError("InvalidRequest", `disks: machine ${item.machine} is protected with these: ${said}`);
}

/** What the agent records in this generation. */
export const recordedIn = (item: ItemRecord, of: Generation): DiskIndex[] =>
  disksIn(item, of).map(({ index }) => index);

/** What is known of the disks: of one that has come to the set since nothing. */
export function baseFor(item: ItemRecord, { base, reason }: ResyncProgress): RegisterResponse["base"] {
  return base && { ...base, marked: keepsMarks(reason), disks: recordedIn(item, base.generation) };
}
