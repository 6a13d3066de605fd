import { z } from "zod";
import { armIdField, sparse } from "./field.ts";
import { buildFields, choiceFields, pointDetails } from "./unplanned-failover.ts";

/** Where a test comes up: of one item, and of a recovery plan. */
export const networkFields = {
  /**
   * `VmNetworkAsInput`: the network of `networkId`, or without one an isolated network of its own.
   * `NoNetworkAttachAsInput`: a network of its own in which nobody reaches anybody, since Azure runs no machine without one.
   */
  networkType: z.enum(["VmNetworkAsInput", "NoNetworkAttachAsInput"]).optional(),
  networkId: armIdField.optional(),
};

type NetworkFields = Partial<z.output<z.ZodObject<typeof networkFields>>>;

export const isOneNetwork = ({ networkType, networkId }: NetworkFields) =>
  networkType !== "NoNetworkAttachAsInput" || !networkId;

export const TWO_NETWORKS = {
  path: ["networkId"],
  error: "not together with networkType NoNetworkAttachAsInput",
};

/** Body of `POST …/testFailover`: ASR's TestFailoverInput for Azure to Azure. */
export const testFailoverRequest = z.object({
  properties: sparse(
    z
      .object({
        failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
        ...networkFields,
        providerSpecificDetails: pointDetails.optional(),
        /** Ours, and strict: as of a failover. `Latest` is the newest write that has arrived. */
        leeward: z.strictObject({ ...choiceFields, ...buildFields }).prefault({}),
      })
      .refine(isOneNetwork, TWO_NETWORKS),
  ),
});
export type TestFailoverRequest = z.infer<typeof testFailoverRequest>;

/** Body of `POST …/testFailoverCleanup`: ASR's TestFailoverCleanupInput. */
export const testFailoverCleanupRequest = z.object({
  properties: sparse(
    z.object({
      /** Kept in the job. */
      comments: z.string().max(1024).optional(),
    }),
  ),
});
