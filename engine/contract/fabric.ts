import { z } from "zod";
import { regionOf } from "../core/region.ts";
import { sparse } from "./field.ts";

/** Body of `PUT …/replicationFabrics/{name}`: ASR's FabricCreationInput for Azure. */
export const fabricRequest = z.object({
  properties: z.object({
    customDetails: z.object({
      instanceType: z.literal("Azure"),
      location: z
        .string()
        .max(100)
        .transform(regionOf)
        .refine((name) => /^[a-z0-9]+$/.test(name), "not a region's name, as in westeurope"),
    }),
  }),
});

const encryption = z.object({ kekState: z.string(), kekCertThumbprint: z.string().nullable() });

/** ASR's fabric: a region. */
export const fabricView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationFabrics"),
  properties: z.object({
    friendlyName: z.string(),
    encryptionDetails: encryption,
    rolloverEncryptionDetails: encryption,
    internalIdentifier: z.string(),
    bcdrState: z.literal("Valid"),
    customDetails: z.object({
      instanceType: z.literal("Azure"),
      /** Empty while nobody said it, and the machine that named the fabric was not read yet. */
      location: z.string(),
      containerIds: z.array(z.string()),
      zones: z.array(z.never()),
      extendedLocations: z.array(z.never()),
      locationDetails: z.array(z.never()),
    }),
    healthErrorDetails: z.array(z.never()),
    health: z.literal("Normal"),
  }),
});
export type FabricView = z.infer<typeof fabricView>;

/** Body of `PUT …/replicationProtectionContainers/{name}`: ASR's CreateProtectionContainerInput. */
export const containerRequest = z.object({
  properties: sparse(
    z.object({
      providerSpecificInput: z
        .array(z.object({ instanceType: z.enum(["A2A", "A2ACrossClusterMigration"]) }))
        .max(1)
        .optional(),
    }),
  ).prefault({}),
});

/** ASR's protection container. */
export const containerView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers"),
  properties: z.object({
    fabricFriendlyName: z.string(),
    friendlyName: z.string(),
    fabricType: z.literal("Azure"),
    protectedItemCount: z.number(),
    pairingStatus: z.enum(["Paired", "NotPaired"]),
    /** `Recovery` when machines of another container come to it, and none leave from it. */
    role: z.enum(["Primary", "Recovery"]),
    fabricSpecificDetails: z.null(),
  }),
});
export type ContainerView = z.infer<typeof containerView>;
