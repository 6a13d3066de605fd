import { z } from "zod";

/** How the target machine was built, where that is not the source's own way, and what was seen of its start. */
export const targetBuild = z.object({
  /** Null before the target region was asked. */
  size: z.string().nullable(),
  /** Sizes that would do in its place, nearest first; of a size that could not be had. */
  alternatives: z.array(z.string()),
  /** What somebody should know although it went on. */
  notes: z.array(z.string()),
  /** Addresses of each interface: the source's, the target's, and why they differ. */
  nics: z.array(
    z.object({
      name: z.string(),
      id: z.string(),
      addresses: z.array(
        z.object({
          name: z.string(),
          wanted: z.string().nullable(),
          given: z.string().nullable(),
          why: z.string().nullable(),
        }),
      ),
    }),
  ),
  /** In Azure's words; null before the machine was seen to start, or not to. */
  boot: z
    .object({
      power: z.string(),
      agent: z.string().nullable(),
      /** The last lines of the serial console. */
      console: z.array(z.string()),
      consoleMissing: z.string().nullable(),
    })
    .nullable(),
});
export type TargetBuild = z.infer<typeof targetBuild>;
