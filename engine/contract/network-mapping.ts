import { z } from "zod";
import { idOfType, sparse } from "./field.ts";

const network = idOfType("Microsoft.Network/virtualNetworks");
const fabricName = z.string().regex(/^[\w.() -]{1,200}$/, "not the name of a fabric");

/** Body of `PUT …/replicationNetworkMappings/{name}`: ASR's CreateNetworkMappingInput for Azure to Azure. */
export const networkMappingRequest = z.object({
  properties: sparse(
    z.object({
      recoveryFabricName: fabricName.optional(),
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
  ),
});
export type NetworkMappingRequest = z.infer<typeof networkMappingRequest>;

/** Body of `PATCH …`: ASR's UpdateNetworkMappingInput. What is left out stays as it is. */
export const networkMappingUpdate = z.object({
  properties: sparse(
    z.object({
      recoveryFabricName: fabricName.optional(),
      recoveryNetworkId: network.optional(),
      fabricSpecificDetails: sparse(
        z.object({ instanceType: z.literal("AzureToAzure"), primaryNetworkId: network.optional() }),
      ).optional(),
      leeward: z
        .strictObject({
          subnets: z.record(z.string().min(1).max(80), z.string().min(1).max(80)).optional(),
        })
        .prefault({}),
    }),
  ).prefault({}),
});

export const networkMappingView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.object({
    state: z.literal("Paired"),
    primaryNetworkId: z.string(),
    primaryNetworkFriendlyName: z.string(),
    recoveryNetworkId: z.string(),
    recoveryNetworkFriendlyName: z.string(),
    primaryFabricFriendlyName: z.string(),
    recoveryFabricArmId: z.string().nullable(),
    recoveryFabricFriendlyName: z.string(),
    fabricSpecificSettings: z.object({
      instanceType: z.literal("AzureToAzure"),
      primaryFabricLocation: z.string(),
      recoveryFabricLocation: z.string(),
    }),
    leeward: z.object({
      subnets: z.record(z.string(), z.string()),
      /** Who said where it leads. */
      by: z.enum(["enablement", "caller"]),
    }),
  }),
});
export type NetworkMappingView = z.infer<typeof networkMappingView>;
