import { z } from "zod";

/** ASR's SwitchProviderInput. */
export const switchProviderRequest = z.object({
  properties: z.object({ targetInstanceType: z.string().max(100).optional() }).prefault({}),
});

/** ASR's DiscoverProtectableItemRequest. */
export const discoverRequest = z.object({
  properties: z
    .object({
      friendlyName: z.string().max(256).optional(),
      ipAddress: z.string().max(64).optional(),
      osType: z.string().max(32).optional(),
    })
    .prefault({}),
});
