import { z } from "zod";
import { checked } from "../core/schema.ts";
import { sequence } from "../core/units.ts";
import { barrierIdField, instantField, sparse } from "./field.ts";
import { cloudServiceOption } from "./refused-field.ts";

/** What to fail over to, and whether that may be bad: of a failover, and of its test. */
export const choiceFields = {
  /**
   * What to fail over to when nothing is named. `Latest`: the newest write, once everything that the cache still
   * gives was processed. `LatestProcessed`: the newest recovery point that is not known to be bad.
   * `LatestApplicationConsistent`, `LatestVerified`: the newest such point.
   */
  recoveryPointType: z
    .enum(["Latest", "LatestProcessed", "LatestApplicationConsistent", "LatestVerified"])
    .optional(),
  /** Every write up to this instant of the source's clock. */
  at: instantField.optional(),
  /** Every write up to this number. */
  sequence: z.number().transform(checked(sequence)).optional(),
  /** A point that is known to be bad is refused unless this is set. */
  acceptBadPoint: z.boolean().default(false),
};

/** How it is built, in place of what the protection has settled: of a failover, and of its test. */
export const buildFields = {
  /** The size to build, in place of the source's; a failover that is tried again keeps it. */
  size: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,80}$/)
    .optional(),
  /** What it waits for, in place of the policy's. */
  bootCheck: z.enum(["running", "agent"]).optional(),
  /** It is built although the region's lists of sizes and quotas say that it cannot be. */
  acceptUnfit: z.boolean().optional(),
};

/** ASR's details of a failover for Azure to Azure, and of its test. */
export const pointDetails = sparse(
  z.object({
    instanceType: z.literal("A2A"),
    /** The newest point when it is left out. */
    recoveryPointId: barrierIdField.optional(),
    cloudServiceCreationOption: cloudServiceOption,
  }),
);

/** Body of `POST …/unplannedFailover`: ASR's UnplannedFailoverInput for Azure to Azure. */
export const unplannedFailoverRequest = z.object({
  properties: sparse(
    z.object({
      failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
      /** `Required`: the source is shut down before, if that can be done; it is failed over in any case. */
      sourceSiteOperations: z.enum(["Required", "NotRequired"]).default("NotRequired"),
      providerSpecificDetails: pointDetails.optional(),
      /** Ours, and strict. */
      leeward: z.strictObject({ ...choiceFields, ...buildFields }).prefault({}),
    }),
  ),
});
