import { createHash } from "node:crypto";
import { z } from "zod";
import { type ArmId, type OperationId, armId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { micros } from "../core/units.ts";
import type { ItemRecord } from "./item.ts";
import type { PlanRecord } from "./plan-record.ts";

/*
 * What several machines use goes with the last of them, while another one may just be enabled that wants it. A removal writes down
 * what it is about to delete and looks then who uses it; an enablement writes down what it uses and looks then what is being
 * deleted. So of two at the same time one at least sees the other: the removal leaves it, or the enablement waits.
 */

/** A shared resource that is being deleted. Kind `removing`; it counts as long as that job is at work. */
export const removingRecord = z.object({
  format: z.literal(1),
  id: z.string().transform(checked(armId)),
  operation: z.string().transform(checked(operationId)),
  at: z.number().transform(checked(micros)),
});

/** Of each removal its own: one that ends must not take away what another one had written down. */
export const removingKey = (id: ArmId, operation: OperationId): string =>
  createHash("sha256").update(`${id.toLowerCase()}\n${operation}`).digest("hex");

/** Whether the item's machine is, or will be, built with the resource, or replicated through it. */
export const uses = ({ target, request }: ItemRecord, plan: PlanRecord | undefined, id: ArmId): boolean =>
  textsIn([target, request, plan]).some((text) => isWithin(text.toLowerCase(), id.toLowerCase()));

const isWithin = (text: string, id: string): boolean => text === id || text.startsWith(`${id}/`);

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
