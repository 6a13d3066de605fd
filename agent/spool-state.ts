import { join } from "node:path";
import { z } from "zod";
import { digestOf } from "../engine/core/digest.ts";
import { checked } from "../engine/core/schema.ts";
import { barrierId, machineId } from "../engine/core/ids.ts";
import { bytes, diskIndex, micros, sequence } from "../engine/core/units.ts";
import { journalPosition } from "../engine/journal/position.ts";
import type { Files } from "./files.ts";

const size = z.number().transform(checked(bytes));

/** What a start must know to go on with the journal where the last one ended. */
const spoolState = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** Which boot of the machine wrote it: what the page cache held died with that boot. */
  boot: z.string(),
  /** The last process ended in peace, with everything on stable storage. */
  clean: z.boolean(),
  /** In index order. `changed`: when the file last changed, known after a clean end only. */
  disks: z.array(z.object({ size, changed: z.number().optional() })),
  /** Everything before it is in the cache account; generation and chain are in it. */
  cached: journalPosition,
  /** Compressed bytes uploaded in this generation. */
  uploaded: size,
  /** On which point the generation stands; absent when it began with empty disks. */
  base: z
    .object({
      digest: z.string().transform(checked(digestOf)),
      id: z.string().transform(checked(barrierId)),
      /** Those that the point has; all when absent. */
      disks: z.array(z.number().transform(checked(diskIndex))).optional(),
    })
    .optional(),
  /** The disks that the generation is of, ascending; all when absent. */
  record: z
    .array(z.number().transform(checked(diskIndex)))
    .min(1)
    .optional(),
  /** Where the comparison goes on; absent when it is complete. */
  copy: z.object({ disk: z.number().transform(checked(diskIndex)), offset: size }).optional(),
  /**
   * Present while writes are not recorded. `recording`: what was merged is being recorded, as the writes behind `before` up
   * to `after`.
   */
  merging: z
    .object({
      recording: z
        .object({
          before: z.number().transform(checked(sequence)),
          after: z.number().transform(checked(sequence)),
        })
        .optional(),
    })
    .optional(),
  /** Present once the journal has ended: no start goes on with it, but what is in the spool may be handed over. */
  ended: z
    .object({ code: z.string(), message: z.string(), since: z.number().transform(checked(micros)) })
    .optional(),
  /** Barriers that were set, with or without their proof, newest last: none is ever set twice. */
  barriers: z.array(
    z.object({
      id: z.string().transform(checked(barrierId)),
      sequence: z.number().transform(checked(sequence)),
      consistency: z.enum(["crash", "application"]).optional(),
      why: z.string().optional(),
      held: z.boolean().optional(),
    }),
  ),
});
export type SpoolState = z.infer<typeof spoolState>;

const fileIn = (directory: string) => join(directory, "state.json");

/** Undefined when there is none, or none that can be read: then nothing can be continued. */
export function readState(files: Files, directory: string): SpoolState | undefined {
  try {
    return spoolState.parse(JSON.parse(files.read(fileIn(directory)).toString("utf8")));
  } catch {
    return undefined;
  }
}

/** Atomic for whoever reads after a kill. @throws the file system's error. */
export function writeState(files: Files, directory: string, state: SpoolState): void {
  const draft = `${fileIn(directory)}.tmp`;
  files.write(draft, JSON.stringify(state));
  files.rename(draft, fileIn(directory));
}

/** From here on no start can continue this journal. Nothing happens when there is no state. */
export const forgetState = (files: Files, directory: string): void => files.remove(fileIn(directory));

/** Changes with each boot of the machine. Where Linux's id is missing only a clean end can be continued. */
export function bootId(files: Files): string {
  try {
    return files.read("/proc/sys/kernel/random/boot_id").toString("utf8").trim();
  } catch {
    return `unknown-${process.pid}-${performance.timeOrigin}`;
  }
}
