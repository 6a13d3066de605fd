import { z } from "zod";
import { armId, barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

/** An ARM resource id in a request. */
export const armIdField = z.string().max(2048).transform(checked(armId));

export const barrierIdField = z
  .string()
  .max(2048)
  // Clients send the bare id, or the ARM id of the recovery point.
  .transform((text) => text.slice(text.lastIndexOf("/") + 1).toLowerCase())
  .transform(checked(barrierId));
