import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from "@azure/identity";

/**
 * The identity of this process: the managed identity where the platform announces one (`IDENTITY_ENDPOINT`), else whatever
 * a developer is signed in with.
 * @param clientId selects a user-assigned identity.
 * @param authorityHost where the developer signs in, in a sovereign cloud; a managed identity needs none.
 */
export function managedIdentity(clientId?: string, authorityHost?: string): TokenCredential {
  if (!process.env["IDENTITY_ENDPOINT"])
    return new DefaultAzureCredential(authorityHost ? { authorityHost } : {});
  return clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential();
}
