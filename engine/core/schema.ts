import { z } from "zod";

/**
 * Lets a constructor that throws RangeError stand in a schema: `z.number().transform(checked(bytes))`.
 * Without it zod lets the RangeError out of `safeParse`, and the issue with the field's path is lost.
 */
export const checked =
  <Raw, Value>(construct: (raw: Raw) => Value) =>
  (raw: Raw, context: z.RefinementCtx): Value => {
    try {
      return construct(raw);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: "custom", message: error.message, input: raw });
      return z.NEVER;
    }
  };
