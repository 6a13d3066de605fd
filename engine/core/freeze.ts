import { z } from "zod";
import { checked } from "./schema.ts";
import { millis } from "./units.ts";

const pause = (fallback: number) =>
  z.number().int().min(100).max(600_000).default(fallback).transform(checked(millis));

/**
 * Commands for the machine's shell that bring its applications to a consistent rest and let them go on. `post` may run
 * more than once, and when nothing was frozen. Whoever may read the VM may read them: no secrets.
 */
export const freezeCommands = z.strictObject({
  pre: z.string().min(1).max(4000),
  post: z.string().min(1).max(4000),
  /** Each is killed when it takes longer. Milliseconds. */
  preTimeout: pause(30_000),
  postTimeout: pause(30_000),
  /** The applications stand still for no longer than this: then they go on, barrier or not. */
  hold: pause(10_000),
});
export type FreezeCommands = z.output<typeof freezeCommands>;
