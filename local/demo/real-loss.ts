import { existsSync, readFileSync, readdirSync } from "node:fs";
import { generationDirectory } from "../../agent/spool.ts";
import { readLog } from "../../agent/log.ts";
import { toIso } from "../../engine/core/clock.ts";
import { armId } from "../../engine/core/ids.ts";
import { micros } from "../../engine/core/units.ts";
import { openSegment } from "../../engine/journal/open.ts";
import type { JournalRecord, WriteRecord } from "../../engine/journal/record.ts";
import { checkSegment } from "../../engine/journal/segment.ts";
import type { Box } from "../box/box.ts";
import { vmDirectory } from "../machine/vm-directory.ts";
import type { Proof } from "./report.ts";
import type { Vantage } from "./vantage.ts";

interface Announced {
  readonly after: number;
  readonly writes: number;
  readonly bytes: number;
  readonly knownSequence: number;
  readonly knownUntil: number;
}

interface RealLoss {
  readonly real: { readonly writes: number; readonly bytes: number };
  /** All that the source ever journalled. */
  readonly captured: { readonly writes: number; readonly bytes: number };
  readonly proof: Proof;
}

/**
 * What was really lost, from the dead agent's spool: the newest write it took, and the writes that it could tell nobody
 * of any more. The announcement is right when, of all that the spool holds, exactly the writes up to the one it named
 * were made up to the moment it named: nothing more was known, and nothing less was lost.
 */
export async function realLoss(box: Box, sight: Vantage, announced: Announced): Promise<RealLoss> {
  const writes = await spooledWrites(box, sight);
  const newest = writes.at(-1)?.sequence ?? announced.knownSequence;
  const untold = writes.filter(({ sequence }) => sequence > announced.knownSequence);
  const late = untold.filter(({ time }) => time <= announced.knownUntil);
  const tail = untold.reduce((sum, write) => sum + (write.kind === "data" ? write.data.length : 0), 0);
  const real = { writes: newest - announced.after, bytes: announced.bytes + tail };
  const agrees =
    announced.writes === announced.knownSequence - announced.after &&
    newest >= announced.knownSequence &&
    late.length === 0;
  const until = toIso(micros(announced.knownUntil)).slice(11, 23);
  return {
    real,
    captured: { writes: newest, bytes: sight.point.position.bytes + real.bytes },
    proof: {
      claim: "the announced loss is the real loss",
      holds: agrees,
      evidence: `${announced.writes} writes until ${until}, ${untold.length} after the last report${late.length ? `; ${late.length} untold` : ""}`,
    },
  };
}

/** Every write that is still in the spool, ascending. */
async function spooledWrites(box: Box, { key, point }: Vantage): Promise<WriteRecord[]> {
  const { spool } = vmDirectory(box.plan.directory, armId(box.plan.sourceVm.id));
  const directory = generationDirectory(spool, point.generation);
  if (!existsSync(directory)) return [];
  const records: JournalRecord[] = [];
  const sealed = new Set<string>();
  for (const name of readdirSync(directory).toSorted()) {
    const file = `${directory}/${name}`;
    const ordinal = name.slice(0, 12);
    if (name.endsWith(".seg")) {
      sealed.add(ordinal);
      records.push(...(await openSegment(checkSegment(readFileSync(file)), key)));
    } else if (name.endsWith(".log") && !sealed.has(ordinal))
      records.push(...readLog(readFileSync(file)).records);
  }
  const bySequence = new Map<number, WriteRecord>();
  for (const record of records)
    if (record.kind === "data" || record.kind === "zero") bySequence.set(record.sequence, record);
  return [...bySequence.values()].toSorted((a, b) => a.sequence - b.sequence);
}
