import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

/** A region, as a vault calls it. Kind `fabric`, by `resourceKey`; changed by ETag compare-and-swap. */
export const fabricRecord = z.object({
  format: z.literal(1),
  id: z.string().transform(checked(armId)),
  /** As in `westeurope`. */
  location: z.string(),
});
export type FabricRecord = z.infer<typeof fabricRecord>;

/** A place for machines of a region. Kind `container`, by `resourceKey`. */
export const containerRecord = z.object({
  format: z.literal(1),
  id: z.string().transform(checked(armId)),
});
export type ContainerRecord = z.infer<typeof containerRecord>;

/** The fabric that a container's, an item's or any other nested id lies in; undefined when it lies in none. */
export const fabricOf = (id: string): ArmId | undefined => cut(id, "replicationFabrics");

/** The container that an item's or a mapping's id lies in, or that it names. */
export const containerOf = (id: string): ArmId | undefined => cut(id, "replicationProtectionContainers");

/** Older items may name anything there: what is no id lies in nothing. */
function cut(id: string, type: string): ArmId | undefined {
  const above = String.raw`^/subscriptions/[^/?#\s]+(?:/[^/?#]+)*?`;
  const found = new RegExp(`${above}/${type}/[^/?#]+`, "i").exec(id)?.[0];
  return found === undefined ? undefined : armId(found);
}
