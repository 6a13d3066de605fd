import { z } from "zod";
import { armId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

const arm = z.string().transform(checked(armId));

/**
 * How a resource comes to be there: `make` it, take what an earlier try of this enablement has `made`, `adopt` what is
 * Leeward's already, or take what the caller `named`, which is neither made nor changed.
 */
const how = z.enum(["make", "made", "adopt", "named"]);

const plannedResource = z.object({
  id: arm,
  /** What it is for; of what is Leeward's, the role in its tags. */
  role: z.string(),
  how,
  /** The resource of the source that it is like. */
  from: arm.optional(),
  why: z.string(),
  /** Of an account that Leeward makes: its kind. */
  sku: z.string().optional(),
  /** What is added to a network of Leeward's that is there already. */
  adds: z.object({ addressPrefixes: z.array(z.string()), subnets: z.array(z.string()) }).optional(),
});
export type PlannedResource = z.infer<typeof plannedResource>;

const plannedNetwork = z.object({
  from: arm,
  id: arm,
  how,
  /** Subnets that are there for the machine's NICs, by their names at the source. */
  subnets: z.record(z.string(), z.string()),
});
export type PlannedNetwork = z.infer<typeof plannedNetwork>;

const copy = z.object({ from: arm, id: arm });
/** A resource that is made like one of the source. */
export type Copy = z.infer<typeof copy>;

/** What enablement makes, adopts or takes. Kind `plan`, by machine; written anew each time that an enablement begins. */
export const planRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** In the order in which they are made. */
  resources: z.array(plannedResource),
  networks: z.array(plannedNetwork),
  securityGroups: z.array(copy),
  applicationGroups: z.array(copy),
});
export type PlanRecord = z.infer<typeof planRecord>;
