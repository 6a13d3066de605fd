import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";

export const HELP = `Azure in a box: two regions, the control plane and a machine to protect, on this computer.

  npm start                          bring the box up (or resume what is in .box/) and leave it running
  npm start -- --demo                tell the whole story unattended, prove it, and clean up
  npm run box -- help                what the box that runs can be told to do, from another terminal

Options
  --replica warm|none   road to the target disk in the demo: import of the replica, or built from the
                        journal alone (default warm)
  --seed N              randomness of the workload and of --kill-host (default: drawn, and printed)
  --kill-host N         kill the Functions host N times at random moments of the story, and start it again
  --trouble             demo: the cache account fills up until the journal breaks, and is well again, before the
                        region is lost (a minute longer, or more)
  --json                demo: print the report as JSON on standard output, progress on standard error
  --keep                demo: leave the box's files for a look (in .box/demo)
  --fresh               begin with an empty box, deleting what is in .box/
  --box DIR             where the box lives (default .box)
  --help                this text

Exit codes: 0 done and proved, 1 something failed or a proof did not hold, 2 wrong usage, 130 interrupted.`;

const schema = z.object({
  demo: z.boolean().default(false),
  json: z.boolean().default(false),
  trouble: z.boolean().default(false),
  keep: z.boolean().default(false),
  fresh: z.boolean().default(false),
  help: z.boolean().default(false),
  box: z.string().min(1).default(".box"),
  replica: z.enum(["warm", "none"]).default("warm"),
  seed: z.coerce.number().int().min(0).max(0xffff_ffff).optional(),
  "kill-host": z.coerce.number().int().min(0).max(100).default(0),
});

export interface Options {
  readonly demo: boolean;
  readonly json: boolean;
  readonly trouble: boolean;
  readonly keep: boolean;
  readonly fresh: boolean;
  readonly help: boolean;
  readonly directory: string;
  readonly replica: "warm" | "none";
  readonly seed: number;
  readonly killHost: number;
}

/** @throws Error with a sentence for the user when an argument is unknown or wrong. */
export function parseOptions(args: readonly string[]): Options {
  const flag = { type: "boolean" } as const;
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      demo: flag,
      json: flag,
      trouble: flag,
      keep: flag,
      fresh: flag,
      help: flag,
      box: text,
      replica: text,
      seed: text,
      "kill-host": text,
    },
  });
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`--${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { box, seed, "kill-host": killHost, ...rest } = parsed.data;
  return {
    ...rest,
    directory: path.resolve(rest.demo ? path.join(box, "demo") : box),
    seed: seed ?? Math.floor(Math.random() * 0x1_0000_0000),
    killHost,
  };
}
