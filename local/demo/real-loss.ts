import { existsSync, readFileSync, readdirSync } from "node:fs";
import { type LogRecord, readLog } from "../../agent/log.ts";
import { generationDirectory } from "../../agent/spool.ts";
import { armId } from "../../engine/core/ids.ts";
import { openSegment } from "../../engine/journal/open.ts";
import { checkSegment } from "../../engine/journal/segment.ts";
import type { Box } from "../box/box.ts";
import { vmDirectory } from "../machine/vm-directory.ts";
import type { Proof, Report } from "./report.ts";
import type { Vantage } from "./vantage.ts";

interface Announced {
  /** The last write that the point holds. */
  readonly after: number;
  readonly writes: number;
  readonly bytes: number;
  /** The last write of the last report, and the moment of that report, by the agent's clock. */
  readonly knownSequence: number;
  readonly knownUntil: number;
}

interface RealLoss {
  readonly real: Omit<Report["losses"]["real"], "seconds">;
  /** All that the source ever journalled in the point's generation. */
  readonly captured: { readonly writes: number; readonly bytes: number };
  readonly proof: Proof;
}

/**
 * What was really lost, from the dead agent's own spool and nothing that was reported: which writes it had taken up to the
 * moment of its last report, and which after that, which nobody alive could know of. The announcement is right when its
 * last write parts the two exactly. Sequences are dense, so writes that left the spool for the cache, and died there,
 * are counted without being seen; when they were made, nobody can tell.
 */
export async function realLoss(box: Box, sight: Vantage, announced: Announced): Promise<RealLoss> {
  const spooled = await spooledWrites(box, sight);
  const told = spooled.filter(({ time }) => time <= announced.knownUntil);
  const untold = spooled.filter(({ time }) => time > announced.knownUntil);
  const { knownSequence } = announced;
  const newest = Math.max(knownSequence, spooled.at(-1)?.sequence ?? 0);
  const lastTold = told.at(-1)?.sequence ?? knownSequence;
  const firstUntold = untold[0]?.sequence ?? knownSequence + 1;
  const after = { writes: newest - knownSequence, bytes: sizeOf(untold) };
  const writes = lastTold - announced.after;
  return {
    real: { writes, bytes: announced.bytes, after },
    captured: { writes: newest, bytes: sight.point.position.bytes + announced.bytes + after.bytes },
    proof: {
      claim: "the announced loss is the real loss",
      holds: spooled.length > 0 && writes === announced.writes && firstUntold > knownSequence,
      evidence: `${writes} of ${announced.writes} writes up to the last report, ${after.writes} after it`,
    },
  };
}

type SpooledWrite = Extract<LogRecord, { kind: "data" | "zero" | "reference" }>;

const sizeOf = (writes: readonly SpooledWrite[]): number =>
  writes.reduce((sum, write) => sum + guestBytes(write), 0);

function guestBytes(write: SpooledWrite): number {
  switch (write.kind) {
    case "data":
      return write.data.length;
    case "reference":
      return write.length;
    case "zero":
      return 0;
  }
}

/** Every write that is still in the spool, ascending. */
async function spooledWrites(box: Box, { key, point }: Vantage): Promise<SpooledWrite[]> {
  const { spool } = vmDirectory(box.plan.directory, armId(box.plan.sourceVm.id));
  const directory = generationDirectory(spool, point.generation);
  if (!existsSync(directory)) return [];
  const bySequence = new Map<number, SpooledWrite>();
  for (const name of readdirSync(directory))
    for (const record of await recordsOf(readFileSync(`${directory}/${name}`), name, key))
      if (isWrite(record)) bySequence.set(record.sequence, record);
  return [...bySequence.values()].toSorted((a, b) => a.sequence - b.sequence);
}

const isWrite = (record: LogRecord): record is SpooledWrite =>
  record.kind === "data" || record.kind === "reference" || record.kind === "zero";

function recordsOf(
  content: Buffer,
  name: string,
  key: Vantage["key"],
): Promise<readonly LogRecord[]> | readonly LogRecord[] {
  if (name.endsWith(".log")) return readLog(content).records;
  return name.endsWith(".seg") ? openSegment(checkSegment(content), key) : [];
}
