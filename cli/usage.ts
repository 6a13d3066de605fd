import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { z } from "zod";
import { messageOf } from "../engine/core/errors.ts";

/** The command line is wrong; nothing was done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * The arguments, checked by the schema. `-` and `_` count as in the schema's keys.
 * @throws UsageError naming the option
 */
export function parseOptions<Options>(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  schema: z.ZodType<Options>,
): Options {
  const found = schema.safeParse(parse(args, options));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new UsageError(`--${issue?.path.join(".")}: ${issue?.message}`);
}

function parse(args: readonly string[], options: ParseArgsOptionsConfig): unknown {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
