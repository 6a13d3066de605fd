import { z } from "zod";
import { checked } from "../core/schema.ts";
import { generation, sequence } from "../core/units.ts";
import { barrierIdField, sparse } from "./field.ts";

/** A state: a recovery point, or the disks as they were behind a write. */
const bound = sparse(
  z
    .strictObject({
      recoveryPointId: barrierIdField.optional(),
      generation: z.number().transform(checked(generation)).optional(),
      sequence: z.number().transform(checked(sequence)).optional(),
    })
    .transform(({ recoveryPointId: point, generation: of, sequence: at }, context) => {
      if (point !== undefined && of === undefined && at === undefined) return { point };
      if (point === undefined && of !== undefined && at !== undefined)
        return { generation: of, sequence: at };
      context.addIssue({ code: "custom", message: "either recoveryPointId, or generation and sequence" });
      return z.NEVER;
    }),
);
export type Bound = z.output<typeof bound>;

/** Body of `POST …/leewardBisect`. Ours, and strict. */
export const bisectRequest = z.object({
  properties: sparse(
    z.strictObject({
      /** A state that is known to be good. */
      good: bound,
      /** A later one that is known not to be; the newest that can be restored when it is left out. */
      bad: bound.optional(),
    }),
  ),
});

const mark = z.object({ generation: z.number(), sequence: z.number() });

/** Its answer: what to try, or what was found. */
export const bisectResult = z.object({
  properties: z.object({
    /** The bounds as they were taken. */
    good: mark,
    bad: mark,
    /** The state to try; null when there is none between the bounds any more. */
    next: mark.extend({ time: z.string(), recoveryPointId: z.string().nullable() }).nullable(),
    /** How many states lie between the bounds. */
    left: z.number(),
    /** At most so many of them have to be tried. */
    trials: z.number(),
    /** The first bad write, once there is nothing between the bounds; null until then. */
    culprit: mark
      .extend({
        time: z.string(),
        disk: z.number(),
        offset: z.number(),
        length: z.number(),
        kind: z.string(),
        copied: z.boolean(),
      })
      .nullable(),
  }),
});
export type BisectResult = z.infer<typeof bisectResult>;
