import { z } from "zod";
import { fromIso } from "../core/clock.ts";
import { armId, barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

/** An instant, to the microsecond: `2026-11-21T20:15:03.250Z`. */
export const instantField = z.string().max(64).transform(checked(fromIso));

/** An ARM resource id in a request. */
export const armIdField = z.string().max(2048).transform(checked(armId));

/** The id of a resource of one type, as in `Microsoft.Network/virtualNetworks`. */
export const idOfType = (type: string) =>
  armIdField.refine((id) => new RegExp(`/providers/${type}/[^/]+$`, "i").test(id), {
    message: `not the id of a ${type}`,
  });

/**
 * An object of a request whose fields may be sent as "" or null for "not set", as clients in Go and in .NET do: those count as left
 * out. One that is needed is missing then.
 */
export const sparse = <Schema extends z.ZodType>(schema: Schema) => z.preprocess(withoutBlanks, schema);

function withoutBlanks(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, given]) => given !== null && given !== ""));
}

export const barrierIdField = z
  .string()
  .max(2048)
  // Clients send the bare id, or the ARM id of the recovery point.
  .transform((text) => text.slice(text.lastIndexOf("/") + 1).toLowerCase())
  .transform(checked(barrierId));
