import type { TokenCredential } from "@azure/identity";
import type { Box } from "./box.ts";

/** The box's operator, as Azure's libraries want a credential for storage. */
export const operatorOf = (box: Pick<Box, "token">): TokenCredential => ({
  getToken: async () => ({
    token: await box.token("https://storage.azure.com"),
    expiresOnTimestamp: Date.now() + 3_600_000,
  }),
});
