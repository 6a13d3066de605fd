import { z } from "zod";
import { idOfType } from "./field.ts";

const network = idOfType("Microsoft.Network/virtualNetworks");

/** Body of `PUT …/replicationNetworkMappings/{name}`: ASR's CreateNetworkMappingInput for Azure to Azure. */
export const networkMappingRequest = z.object({
  properties: z.object({
    recoveryFabricName: z.string().max(200).optional(),
    recoveryNetworkId: network,
    fabricSpecificDetails: z.object({
      instanceType: z.literal("AzureToAzure"),
      primaryNetworkId: network,
    }),
    leeward: z
      .strictObject({
        /** Names of subnets at the target by those at the source; one that is left out keeps its name. */
        subnets: z.record(z.string().min(1).max(80), z.string().min(1).max(80)).default({}),
      })
      .prefault({}),
  }),
});
export type NetworkMappingRequest = z.infer<typeof networkMappingRequest>;

const networkMappingView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.object({
    state: z.literal("Paired"),
    primaryNetworkId: z.string(),
    primaryNetworkFriendlyName: z.string(),
    recoveryNetworkId: z.string(),
    recoveryNetworkFriendlyName: z.string(),
    fabricSpecificSettings: z.object({ instanceType: z.literal("AzureToAzure") }),
    leeward: z.object({
      subnets: z.record(z.string(), z.string()),
      /** Who said where it leads. */
      by: z.enum(["enablement", "caller"]),
    }),
  }),
});
export type NetworkMappingView = z.infer<typeof networkMappingView>;
