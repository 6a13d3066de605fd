import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";
import { LeewardError, messageOf } from "../engine/core/errors.ts";

/** App roles of the API; a higher one includes the lower ones. Those of the agent, of Event Grid and of the app in the other region stand apart. */
export type Role = "Reader" | "Operator" | "Admin" | "Agent" | "Events" | "Peer";

const INCLUDES: Record<Role, readonly Role[]> = {
  Reader: ["Reader"],
  Operator: ["Operator", "Reader"],
  Admin: ["Admin", "Operator", "Reader"],
  Agent: ["Agent"],
  Events: ["Events"],
  Peer: ["Peer"],
};

/** What the claim `roles` calls it. Event Grid's own name is the one that Microsoft's instructions use. */
export const claimOf = (role: string): string =>
  role === "Events" ? "AzureEventGridSecureWebhookSubscriber" : `Leeward.${role}`;

export interface Caller {
  /** Object id of the user, app or managed identity. */
  readonly principal: string;
  readonly roles: ReadonlySet<Role>;
}

const claims = z.object({
  oid: z.string().min(1).optional(),
  sub: z.string().min(1),
  roles: z.array(z.string()).default([]),
});

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https$/ }) });

export interface TokenSettings {
  readonly issuer: string;
  readonly audience: string;
}

/**
 * Checks bearer tokens against the issuer's published keys, which are fetched once and again when an unknown key turns up.
 * The returned function throws Unauthorized (no token, or one that is expired, forged or for someone else).
 */
export function tokenChecker({
  issuer,
  audience,
}: TokenSettings): (header: string | null) => Promise<Caller> {
  let keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;
  const keySet = () => {
    keys ??= findKeys(issuer).catch((error: unknown) => {
      keys = undefined;
      throw error;
    });
    return keys;
  };
  return async (header) => {
    const token = /^Bearer ([\w.~+/=-]+)$/i.exec(header ?? "")?.[1];
    if (!token) throw new LeewardError("Unauthorized", "the request carries no bearer token");
    const expected = { issuer, audience, algorithms: ["RS256", "PS256", "ES256"], clockTolerance: 60 };
    try {
      const { payload } = await jwtVerify(token, await keySet(), expected);
      return callerOf(payload);
    } catch (error) {
      throw refusal(error);
    }
  };
}

/** @throws Forbidden naming the role that is missing. */
export function requireRole(caller: Caller, role: Role): void {
  if (!caller.roles.has(role))
    throw new LeewardError("Forbidden", `this needs the app role ${claimOf(role)}`);
}

async function findKeys(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const found = discovery.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`${url} is of another issuer, ${found.issuer}`);
  return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: 10_000 });
}

function callerOf(payload: unknown): Caller {
  const found = claims.safeParse(payload);
  if (!found.success) throw new LeewardError("Unauthorized", "the token names no subject");
  const { oid, sub, roles } = found.data;
  const held = new Map(Object.entries(INCLUDES).map(([role, includes]) => [claimOf(role), includes]));
  return { principal: oid ?? sub, roles: new Set(roles.flatMap((role) => held.get(role) ?? [])) };
}

/** What is wrong with the token is the caller's to mend; that its issuer cannot be reached is not. */
function refusal(error: unknown): LeewardError {
  if (error instanceof LeewardError) return error;
  const unreachable = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout;
  if (unreachable)
    return new LeewardError("IssuerUnavailable", `the keys of the token issuer: ${messageOf(error)}`, error);
  return new LeewardError("Unauthorized", `the token was refused: ${error.message}`, error);
}
