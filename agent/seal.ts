import type { Digest } from "../engine/core/digest.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import type { Generation, Ordinal, Sequence } from "../engine/core/units.ts";
import type { SegmentHeader } from "../engine/journal/header.ts";
import { dataKey } from "../engine/journal/key.ts";
import { sealSegment } from "../engine/journal/seal.ts";
import { type CheckedSegment, checkSegment } from "../engine/journal/segment.ts";
import type { DiskFile } from "./disk.ts";
import { readClosedLog } from "./closed-log.ts";
import type { Files } from "./files.ts";
import { logFile, segmentFile } from "./spool.ts";

/** Turn the closed log of this ordinal into the segment of this ordinal. Crosses a process: plain data only. */
export interface SealTask {
  readonly directory: string;
  /** In index order. */
  readonly disks: readonly DiskFile[];
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly ordinal: Ordinal;
  readonly previous: Digest;
  readonly from: Sequence;
  /** The data key's bytes. */
  readonly key: Uint8Array;
}

/** A segment file that is whole. */
export interface Sealed {
  readonly previous: Digest;
  readonly from: SegmentHeader["from"];
  readonly to: SegmentHeader["to"];
  readonly digest: Digest;
  /** Of the file. */
  readonly size: number;
}

/** A task with the name of the file to write to. */
export interface DraftTask extends SealTask {
  readonly draft: string;
}

/** Writes a segment under another name: here, or in a process of its own. */
export type DraftSegment = (task: DraftTask) => Promise<Sealed>;

/**
 * Makes the segment file, then removes the log: at any instant one of the two is whole. A second run finds the segment
 * of the first, since another one of the same records would have another digest. Only the process that holds the spool
 * gives the file its name, so a draft that outlives its agent never gets one.
 * @throws SpoolDamaged
 */
export async function sealLog(files: Files, task: SealTask, draftSegment: DraftSegment): Promise<Sealed> {
  const path = segmentFile(task.directory, task.ordinal);
  try {
    const sealed = files.exists(path)
      ? outcome(checkSegment(await files.readAsync(path)))
      : await seal(files, task, path, draftSegment);
    files.remove(logFile(task.directory, task.ordinal));
    return sealed;
  } catch (error) {
    throw new LeewardError(
      "SpoolDamaged",
      `segment ${task.ordinal} cannot be sealed: ${messageOf(error)}`,
      error,
    );
  }
}

async function seal(files: Files, task: SealTask, path: string, draftSegment: DraftSegment): Promise<Sealed> {
  const draft = `${path}.${process.pid}.tmp`;
  const sealed = await draftSegment({ ...task, draft });
  files.rename(draft, path);
  return sealed;
}

/** Does it here. */
export async function draftHere(files: Files, { draft, key, ...task }: DraftTask): Promise<Sealed> {
  const { directory, disks, machine, generation, ordinal, previous, from } = task;
  const { records, indivisible } = await readClosedLog(files, directory, ordinal, disks);
  const sealed = await sealSegment({
    machine,
    generation,
    ordinal,
    previous,
    from,
    records,
    indivisible,
    key: dataKey(key),
  });
  await files.writeAsync(draft, sealed.bytes);
  return outcome(sealed);
}

const outcome = ({ header: { previous, from, to }, digest, bytes }: CheckedSegment): Sealed => ({
  previous,
  from,
  to,
  digest,
  size: bytes.length,
});
