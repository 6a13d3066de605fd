import { join } from "node:path";
import type { RegisterResponse } from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import { type Generation, type Sequence, bytes, diskIndex } from "../engine/core/units.ts";
import { startOf } from "../engine/journal/position.ts";
import { BaseDigests } from "../engine/replication/base-digests.ts";
import type { Bitmap } from "./bitmap.ts";
import type { Destination } from "./outbox.ts";
import type { RunSettings } from "./run-settings.ts";
import { type SpoolState, bootId, forgetState } from "./spool-state.ts";
import { generationDirectory } from "./spool.ts";

/** What a new generation begins with. */
export interface Beginning extends Known {
  readonly machine: MachineId;
  readonly generation: Generation;
  /** The last write of the generation before. */
  readonly from: Sequence;
  /** The point that it stands on; empty disks without it. */
  readonly base?: RegisterResponse["base"];
  /** The disks that it is of; all when absent. */
  readonly record?: RegisterResponse["record"];
}

/** What the agent knows of the disks since the generation's base. */
export interface Known {
  /** All blocks are compared without it. */
  readonly marked?: Marked | undefined;
  /** Why nobody knows what may differ, although it was asked for. */
  readonly why?: string | undefined;
}

/**
 * Blocks of each disk that may differ from what the disks were at this barrier; all others are as they were. Whoever knows
 * them spares a comparison with that very point the rest of the disks.
 */
export interface Marked {
  readonly id: BarrierId;
  /** In index order; undefined for a disk of which nothing is known, so that all of it is compared. */
  readonly disks: readonly (Bitmap | undefined)[];
}

/** What an earlier generation left in the spool goes. Returns how the new one begins. */
export function emptySpool(s: RunSettings & Beginning): SpoolState {
  const { files, base, record } = s;
  forgetState(files, s.spoolDirectory);
  for (const { name, kind } of files.list(s.spoolDirectory))
    if (kind === "directory") files.removeDirectory(join(s.spoolDirectory, name));
  files.makeDirectory(generationDirectory(s.spoolDirectory, s.generation));
  return {
    format: 1,
    machine: s.machine,
    boot: bootId(files),
    clean: false,
    disks: s.disks.map(({ size }) => ({ size })),
    cached: startOf(s.generation, s.from, base?.digest),
    uploaded: bytes(0),
    ...(base && { base }),
    ...(record && { record }),
    copy: { disk: record?.[0] ?? diskIndex(0), offset: bytes(0) },
    barriers: [],
  };
}

/** What the target holds at the generation's base; undefined when it began with empty disks. */
export function baseDigests(
  { machine, cached, base }: SpoolState,
  destination: () => Destination | undefined,
): BaseDigests | undefined {
  const reached = (): Destination => {
    const found = destination();
    if (found) return found;
    throw new LeewardError("StorageUnavailable", "there is no access to the cache yet");
  };
  if (!base) return undefined;
  const place = { machine, generation: cached.generation, digest: base.digest, id: base.id };
  return new BaseDigests({ cache: () => reached().store, key: () => reached().key, place });
}
