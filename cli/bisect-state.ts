import { existsSync } from "node:fs";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { machineId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import { generation, sequence } from "../engine/core/units.ts";

const mark = z.object({
  generation: z.number().transform(checked(generation)),
  sequence: z.number().transform(checked(sequence)),
});

/** How far a bisection has come; written after each step, so that it can be gone on with. */
const bisectState = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  command: z.string(),
  good: mark.optional(),
  bad: mark.optional(),
  steps: z.number(),
  /** What the images hold, and when each was last changed; absent while they are being changed. */
  images: z.object({ at: mark, changed: z.array(z.string()) }).optional(),
});
export type BisectState = z.infer<typeof bisectState>;

const fileIn = (directory: string): string => path.join(directory, "bisect.json");

/** Undefined when none was begun there. @throws InvalidSetting when it is of something else */
export async function readState(
  directory: string,
  wanted: Pick<BisectState, "machine" | "command">,
): Promise<BisectState | undefined> {
  const file = fileIn(directory);
  if (!existsSync(file)) return undefined;
  const found = bisectState.safeParse(JSON.parse(await readFile(file, "utf8")));
  if (!found.success) throw new LeewardError("InvalidSetting", `${file}: ${z.prettifyError(found.error)}`);
  if (found.data.machine === wanted.machine && found.data.command === wanted.command) return found.data;
  throw new LeewardError(
    "InvalidSetting",
    `${file} is of another machine or another probe: choose another --work`,
  );
}

export async function writeState(directory: string, state: BisectState): Promise<void> {
  const draft = `${fileIn(directory)}.tmp`;
  await writeFile(draft, `${JSON.stringify(state, undefined, 2)}\n`);
  await rename(draft, fileIn(directory));
}

/** When each file was last changed, to the nanosecond: a probe that wrote to its image is found by it. */
export const changesOf = (images: readonly string[]): Promise<string[]> =>
  Promise.all(images.map(async (image) => String((await stat(image, { bigint: true })).mtimeNs)));
