import { z } from "zod";
import { ExtentSet } from "../core/extent.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type MachineId, type OperationId, barrierId, machineId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import {
  BLOCK,
  type DiskIndex,
  type Generation,
  bytes,
  diskIndex,
  generation,
  micros,
  sequence,
} from "../core/units.ts";
import { lossesName } from "../journal/names.ts";
import { journalPosition } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { SourcePoint } from "./lineage.ts";
import { type OldJournal, lostWrites } from "./lost-writes.ts";
import { lengthOf } from "./merge.ts";

const count = z.number().int().nonnegative();
const at = z.number().transform(checked(sequence));
const time = z.number().transform(checked(micros));

/** What was lost by a failover, as far as the old journal has been read. */
const lossLedger = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The job of the failover. */
  operation: z.string().transform(checked(operationId)),
  /** The state that was kept: the last write that is not lost, and where the journal goes on behind it. */
  kept: z.strictObject({
    generation: z.number().transform(checked(generation)),
    id: z.string().transform(checked(barrierId)),
    sequence: at,
    position: journalPosition.strict(),
  }),
  /** Of the guest; a change that was recorded as a whole counts a write for each of its places. */
  writes: count,
  /** Guest bytes in them; one that was written twice counts twice. */
  bytes: z.number().transform(checked(bytes)),
  /**
   * What a comparison had copied behind the state that was kept: places that differed from the base, whenever and however
   * often the guest had written them. They are among the ranges, and no writes. Absent in ledgers of before they were told.
   */
  copied: z.strictObject({ writes: count, bytes: z.number().transform(checked(bytes)) }).optional(),
  /** Writes of the guest among them that had arrived in the target region, behind the state that was kept. */
  arrived: count,
  /** Times of the first and the last of them; 0 when there is none. */
  first: time,
  last: time,
  /** How far the old journal was read, in each generation. */
  until: z.array(journalPosition.strict()),
  /** False when ranges were widened to whole blocks of 64 KiB, since there were too many. */
  exact: z.boolean(),
  /** Which bytes of each disk were written after the state that was kept: [start, end), ascending. */
  disks: z.array(
    z.strictObject({
      index: z.number().transform(checked(diskIndex)),
      ranges: z.array(z.tuple([count, count])),
    }),
  ),
});
export type LossLedger = z.infer<typeof lossLedger>;

/** More would make a document of many megabytes. */
const MOST_RANGES = 200_000;

export interface LedgerRequest {
  readonly old: OldJournal;
  readonly operation: OperationId;
  readonly kept: SourcePoint;
  /** The newest generation that the old side may have written. */
  readonly last: Generation;
}

/** Reads the old journal to its end. @throws as `lostWrites` */
export async function readLosses({ old, operation, kept, last }: LedgerRequest): Promise<LossLedger> {
  const ranges = new Map<DiskIndex, ExtentSet>();
  const until = new Map<Generation, LossLedger["until"][number]>([[kept.generation, kept.position]]);
  const totals = { writes: 0, bytes: 0, arrived: 0, first: 0, last: 0 };
  const copied = { writes: 0, bytes: 0 };
  for await (const { place, after, writes } of lostWrites(old, kept, last)) {
    until.set(after.generation, after);
    for (const write of writes) {
      const extents = ranges.get(write.disk) ?? new ExtentSet();
      ranges.set(write.disk, extents);
      extents.add(write.offset, write.offset + lengthOf(write));
      const into = write.copied ? copied : totals;
      into.writes++;
      into.bytes += write.kind === "data" ? write.data.length : 0;
      totals.arrived += place === "target" && !write.copied ? 1 : 0;
      totals.first ||= write.time;
      totals.last = write.time;
    }
  }
  const disks = [...ranges].toSorted(([a], [b]) => a - b);
  const exact = disks.reduce((sum, [, extents]) => sum + [...extents].length, 0) <= MOST_RANGES;
  const { generation: of, id, sequence: end, position } = kept;
  return {
    format: 1,
    machine: old.machine,
    operation,
    kept: { generation: of, id, sequence: end, position },
    ...totals,
    bytes: bytes(totals.bytes),
    copied: { writes: copied.writes, bytes: bytes(copied.bytes) },
    first: micros(totals.first),
    last: micros(totals.last),
    until: [...until.values()],
    exact,
    disks: disks.map(([index, extents]) => ({
      index,
      ranges: [...(exact ? extents : widened(extents))].map(({ start, end: behind }) => [start, behind]),
    })),
  };
}

const widened = (extents: ExtentSet): ExtentSet =>
  ExtentSet.of(
    [...extents].map(({ start, end }) => ({
      start: Math.floor(start / BLOCK) * BLOCK,
      end: Math.ceil(end / BLOCK) * BLOCK,
    })),
  );

/** Undefined before the first was written. @throws ManifestDamaged */
export async function findLedger(
  objects: ObjectStore,
  machine: MachineId,
  operation: OperationId,
): Promise<LossLedger | undefined> {
  const name = lossesName(machine, operation);
  const object = await objects.get(name);
  if (!object) return undefined;
  try {
    return lossLedger.parse(JSON.parse(object.body.toString("utf8")));
  } catch (error) {
    throw new LeewardError("ManifestDamaged", `${name} does not say what was lost`, error);
  }
}

/**
 * Keeps the ledger. One that was read further stays: of two readers the slower changes nothing.
 * @returns the one that stands there now
 */
export async function keepLedger(objects: ObjectStore, made: LossLedger): Promise<LossLedger> {
  const name = lossesName(made.machine, made.operation);
  for (;;) {
    const object = await objects.get(name);
    const known = object && (await findLedger(objects, made.machine, made.operation));
    if (known && recordsIn(known) >= recordsIn(made)) return known;
    try {
      await objects.put(name, encode(made), object ? { unchangedSince: object.etag } : "absent");
      return made;
    } catch (error) {
      if (!hasCode(error, "ObjectExists") && !hasCode(error, "ObjectChanged")) throw error;
    }
  }
}

const recordsIn = ({ writes, copied }: LossLedger): number => writes + (copied?.writes ?? 0);

const encode = (ledger: LossLedger): Buffer => Buffer.from(`${JSON.stringify(ledger)}\n`);
