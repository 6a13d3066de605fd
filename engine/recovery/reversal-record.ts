import { z } from "zod";
import { armId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../core/units.ts";
import { recoveryPolicy } from "./policy.ts";

const arm = z.string().transform(checked(armId));

/** What was asked for with the turn. */
const reversalWish = z.object({
  /** The client's own id of the request, if it sent one. */
  token: z.string().optional(),
  /** The container that the machine goes back to at the next failover. */
  recoveryContainerId: z.string(),
  policyId: z.string().optional(),
  resourceGroup: arm.optional(),
  availabilitySet: arm.optional(),
  zone: z.string().optional(),
  proximityPlacementGroup: arm.optional(),
  capacityReservationGroup: arm.optional(),
  scaleSet: arm.optional(),
  /** What `policyId` says, for the side that does not know it. */
  policy: recoveryPolicy.optional(),
});
export type ReversalWish = z.infer<typeof reversalWish>;

/** The machine was given to the other direction, whose record names what it is from here on. */
export const reversal = z.object({
  /** The region that replicates it from now on: the one that it was failed over from. */
  to: z.string(),
  /** Issued with it: the first generation there. */
  generation: z.number().transform(checked(generation)),
  /** No write of this direction has a later number. */
  sequence: z.number().transform(checked(sequence)),
  at: z.number().transform(checked(micros)),
  /** Of the item as the other side shows it; older records lack it. */
  id: z.string().transform(checked(armId)).optional(),
  asked: reversalWish.optional(),
  /** The other side has said that it has the machine: the job that it began then. */
  operation: z.string().transform(checked(operationId)).optional(),
});

/**
 * The machine that it was failed over from, in the region that it goes back to. It is kept, and so are its disks, until somebody
 * deletes them.
 */
export const former = z.object({
  vmId: arm,
  /** That its disks are read into: no point of an older one is of this direction. */
  generation: z.number().transform(checked(generation)),
  disks: z.array(
    z.object({
      index: z.number().transform(checked(diskIndex)),
      id: arm,
      size: z.number().transform(checked(bytes)),
    }),
  ),
});
