import type { Box } from "../box.ts";
import { same } from "../secret.ts";
import type { Issuer, Principal } from "./issuer.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * `GET /msi/token`, the protocol of App Service: `x-identity-header` names the identity, `resource` the audience.
 * @param secret value of the header.
 */
export async function managedIdentityToken(
  box: Box,
  query: URLSearchParams,
  secret: string | undefined,
): Promise<Answer> {
  const resource = query.get("resource");
  const principal = secret === undefined ? undefined : principalOf(box, secret);
  if (!principal) return { status: 401, body: refused(401, "The identity header is missing or unknown.") };
  if (query.get("api-version") !== "2019-08-01")
    return { status: 400, body: refused(400, "The api-version is not 2019-08-01.") };
  if (!resource) return { status: 400, body: refused(400, "The resource parameter is missing.") };
  const { token, expires } = await box.issuer.mint(principal, resource);
  const body = {
    access_token: token,
    expires_on: String(expires),
    resource,
    token_type: "Bearer",
    client_id: principal.clientId,
  };
  return { status: 200, body };
}

/** The discovery document and the keys, or undefined for another path. */
export function openIdDocument(issuer: Issuer, origin: string, pathname: string): Answer | undefined {
  const keys = `/${issuer.tenant}/discovery/v2.0/keys`;
  if (pathname === keys) return { status: 200, body: issuer.jwks };
  const v2 = pathname === `/${issuer.tenant}/v2.0/.well-known/openid-configuration`;
  const v1 = pathname === `/${issuer.tenant}/.well-known/openid-configuration`;
  if (!v1 && !v2) return undefined;
  const body = {
    issuer: v2 ? issuer.issuerUrl() : `https://sts.windows.net/${issuer.tenant}/`,
    jwks_uri: `${origin}${keys}`,
    token_endpoint: `${origin}/${issuer.tenant}/oauth2${v2 ? "/v2.0" : ""}/token`,
    authorization_endpoint: `${origin}/${issuer.tenant}/oauth2${v2 ? "/v2.0" : ""}/authorize`,
    response_types_supported: ["code", "id_token"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
  return { status: 200, body };
}

const refused = (statusCode: number, message: string) => ({ statusCode, message });

function principalOf(box: Box, secret: string): Principal | undefined {
  const configured = box.config.identities.find((identity) => same(identity.secret, secret));
  if (configured)
    return {
      objectId: configured.objectId,
      clientId: configured.clientId ?? configured.objectId,
      roles: configured.roles,
    };
  const machine = box.state.virtualMachines.all().find(({ hidden }) => same(hidden.secret, secret));
  const principal = machine?.hidden.principal;
  return principal ? { objectId: principal, clientId: principal, roles: box.config.vmRoles } : undefined;
}
