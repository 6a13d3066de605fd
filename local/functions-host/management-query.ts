import { z } from "zod";
import type { Request } from "./listener.ts";

/** A query string's parameters. Their names compare case-insensitively, empty ones count as absent. */
export const queryOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z
    .record(z.string(), z.string())
    .transform((query) =>
      Object.fromEntries(
        Object.entries(query)
          .map(([name, value]) => [name.toLowerCase(), value])
          .filter(([, value]) => value !== ""),
      ),
    )
    .pipe(z.object(shape));

/** Milliseconds since 1970. */
export const instant = z
  .string()
  .transform((text) => Date.parse(text))
  .refine((time) => Number.isFinite(time), "is not an instant")
  .optional();

/** How much one page holds. */
export const top = z.coerce.number().int().min(1).max(1000).default(100);

/** The body's text when it is JSON; null when there is none. */
export function jsonBody(request: Request): { text: string | null } | "invalid" {
  if (request.body.length === 0) return { text: null };
  const text = request.body.toString();
  try {
    JSON.parse(text);
    return { text };
  } catch {
    return "invalid";
  }
}

export const jsonOrNull = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
