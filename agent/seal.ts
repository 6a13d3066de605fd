import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Digest } from "../engine/core/digest.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import type { Generation, Ordinal, Sequence } from "../engine/core/units.ts";
import { dataKey } from "../engine/journal/key.ts";
import { sealSegment } from "../engine/journal/seal.ts";
import type { SegmentHeader } from "../engine/journal/header.ts";
import { checkSegment } from "../engine/journal/segment.ts";
import { readLog } from "./log.ts";
import { logFile, segmentFile } from "./spool.ts";

/** Turn the closed log of this ordinal into the segment of this ordinal. Crosses a thread: plain data only. */
export interface SealTask {
  readonly directory: string;
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
  readonly header: Pick<SegmentHeader, "from" | "to" | "lastTime" | "dataBytes" | "previous">;
  readonly digest: Digest;
  /** Of the file. */
  readonly size: number;
}

/**
 * Writes the segment file, then removes the log: at any instant one of the two is whole. A second run finds the
 * segment of the first, since another one of the same records would have another digest.
 * @throws SpoolDamaged
 */
export async function sealLog(task: SealTask): Promise<Sealed> {
  const path = segmentFile(task.directory, task.ordinal);
  try {
    const sealed = (await existing(path)) ?? (await seal(task, path));
    await rm(logFile(task.directory, task.ordinal), { force: true });
    return sealed;
  } catch (error) {
    throw new LeewardError(
      "SpoolDamaged",
      `segment ${task.ordinal} cannot be sealed: ${messageOf(error)}`,
      error,
    );
  }
}

async function existing(path: string): Promise<Sealed | undefined> {
  const found = await readFile(path).catch(() => undefined);
  return found && outcome(checkSegment(found));
}

async function seal(task: SealTask, path: string): Promise<Sealed> {
  const { records } = readLog(await readFile(logFile(task.directory, task.ordinal)));
  const { machine, generation, ordinal, previous, from } = task;
  const sealed = await sealSegment({
    machine,
    generation,
    ordinal,
    previous,
    from,
    records,
    key: dataKey(task.key),
  });
  await writeFile(`${path}.tmp`, sealed.bytes, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
  return outcome(sealed);
}

function outcome({ header, digest, bytes }: ReturnType<typeof checkSegment>): Sealed {
  const { from, to, lastTime, dataBytes, previous } = header;
  return { header: { from, to, lastTime, dataBytes, previous }, digest, size: bytes.length };
}
