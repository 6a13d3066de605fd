import { z } from "zod";
import { armIdField, barrierIdField } from "./field.ts";
import { buildFields, choiceFields } from "./unplanned-failover.ts";

/** Body of `POST …/testFailover`: ASR's TestFailoverInput for Azure to Azure. */
export const testFailoverRequest = z.object({
  properties: z
    .object({
      failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
      /**
       * `VmNetworkAsInput`: the network of `networkId`, or without one an isolated network of its own.
       * `NoNetworkAttachAsInput`: a network of its own in which nobody reaches anybody, since Azure runs no machine without one.
       */
      networkType: z.enum(["VmNetworkAsInput", "NoNetworkAttachAsInput"]).optional(),
      networkId: armIdField.optional(),
      providerSpecificDetails: z
        .object({
          instanceType: z.literal("A2A"),
          /** The newest point when it is left out. */
          recoveryPointId: barrierIdField.optional(),
        })
        .optional(),
      /** Ours, and strict: as of a failover. `Latest` is the newest write that has arrived. */
      leeward: z.strictObject({ ...choiceFields, ...buildFields }).prefault({}),
    })
    .refine(({ networkType, networkId }) => networkType !== "NoNetworkAttachAsInput" || !networkId, {
      path: ["networkId"],
      error: "not together with networkType NoNetworkAttachAsInput",
    }),
});
export type TestFailoverRequest = z.infer<typeof testFailoverRequest>;

/** Body of `POST …/testFailoverCleanup`: ASR's TestFailoverCleanupInput. */
export const testFailoverCleanupRequest = z.object({
  properties: z.object({
    /** Kept in the job. */
    comments: z.string().max(1024).optional(),
  }),
});
