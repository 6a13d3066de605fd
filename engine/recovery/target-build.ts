import { z } from "zod";
import { checked } from "../core/schema.ts";
import { armId } from "../core/ids.ts";

/** One address of the source, and what became of it. */
const builtAddress = z.object({
  /** Of the configuration that has it. */
  name: z.string(),
  /** The source's; absent where it had none. */
  wanted: z.string().optional(),
  /** The target's, once it is known. */
  given: z.string().optional(),
  /** Why it is not the source's. */
  why: z.string().optional(),
});
export type BuiltAddress = z.infer<typeof builtAddress>;

const builtNic = z.object({
  name: z.string(),
  id: z.string().transform(checked(armId)),
  addresses: z.array(builtAddress),
});
export type BuiltNic = z.infer<typeof builtNic>;

/** Whether the region would build the machine, as it was looked up before anything was built. */
const fitReport = z.object({
  size: z.string(),
  /** The size has accelerated networking. */
  accelerates: z.boolean(),
  /** Sizes that would do, best first. */
  alternatives: z.array(z.string()),
});

/** What was seen of the target machine at its start. */
const bootReport = z.object({
  power: z.string(),
  /** Of Azure's VM agent, in Azure's words; absent while it says nothing. */
  agent: z.string().optional(),
  /** The last lines of its serial console. */
  console: z.array(z.string()).optional(),
  /** Why there are none. */
  consoleMissing: z.string().optional(),
});
export type BootReport = z.infer<typeof bootReport>;

/** What a failover's report has of it. */
export const targetBuild = z.object({
  fit: fitReport.optional(),
  /** What somebody should know although it went on. */
  notes: z.array(z.string()).optional(),
  /** Why nothing could be imported from the replica: the disks are rebuilt from the journal, however often this point is tried. */
  importRefused: z.string().optional(),
  nics: z.array(builtNic).optional(),
  boot: bootReport.optional(),
});
export type TargetBuild = z.infer<typeof targetBuild>;
