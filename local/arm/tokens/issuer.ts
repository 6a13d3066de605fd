import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  type CryptoKey,
  type JWK,
  type JWTPayload,
  SignJWT,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  jwtVerify,
} from "jose";
import type { Clock } from "../../../engine/core/clock.ts";

/** As long as tokens of managed identities live on Azure. */
const LIFETIME_S = 24 * 60 * 60;
/** Clocks differ a little between machines; Entra backdates as well. */
const BACKDATE_S = 60;

/** Services of Azure itself take tokens of the older form, whose issuer they (and Azurite) check by its prefix. */
const AZURE_AUDIENCES = [
  /^https:\/\/management\.(core\.windows\.net|azure\.com)\/?$/,
  /^https:\/\/storage\.azure\.com\/?$/,
  /^https:\/\/vault\.azure\.net\/?$/,
];

export interface Principal {
  readonly objectId: string;
  readonly clientId: string;
  readonly roles: readonly string[];
}

/** The box's Entra ID: signs tokens, checks them, publishes its key. */
export interface Issuer {
  readonly tenant: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  /** The issuer that Entra puts in tokens for an application's own API; its discovery document is below it. */
  issuerUrl(): string;
  mint(principal: Principal, audience: string): Promise<{ token: string; expires: number }>;
  /** Signature and lifetime only. @throws jose's errors. */
  verify(token: string): Promise<JWTPayload>;
}

/** @param origin https origin of the simulator, known once it listens. */
export async function openIssuer(
  directory: string,
  tenant: string,
  clock: Clock,
  origin: () => string,
): Promise<Issuer> {
  const { privateKey, jwk } = await signingKey(directory);
  const keySet = createLocalJWKSet({ keys: [jwk] });
  const seconds = () => Math.floor(clock.now() / 1_000_000);
  const issuerUrl = () => `${origin()}/${tenant}/v2.0`;
  return {
    tenant,
    jwks: { keys: [jwk] },
    issuerUrl,
    async mint(principal, audience) {
      const now = seconds();
      const expires = now + LIFETIME_S;
      const older = AZURE_AUDIENCES.some((pattern) => pattern.test(audience));
      const token = await new SignJWT({
        oid: principal.objectId,
        tid: tenant,
        appid: principal.clientId,
        roles: [...principal.roles],
        idtyp: "app",
        ver: older ? "1.0" : "2.0",
        uti: randomUUID(),
      })
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: jwk.kid ?? "" })
        .setIssuer(older ? `https://sts.windows.net/${tenant}/` : issuerUrl())
        .setAudience(audience)
        .setSubject(principal.objectId)
        .setIssuedAt(now)
        .setNotBefore(now - BACKDATE_S)
        .setExpirationTime(expires)
        .sign(privateKey);
      return { token, expires };
    },
    verify: async (token) =>
      (await jwtVerify(token, keySet, { currentDate: new Date(seconds() * 1000) })).payload,
  };
}

async function signingKey(directory: string): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
  const file = path.join(directory, "signing-key.pem");
  if (!existsSync(file)) {
    mkdirSync(directory, { recursive: true });
    const pair = await generateKeyPair("RS256", { extractable: true });
    writeFileSync(file, await exportPKCS8(pair.privateKey), { mode: 0o600 });
  }
  const privateKey = await importPKCS8(readFileSync(file, "utf8"), "RS256", { extractable: true });
  const { kty, n, e } = await exportJWK(privateKey);
  const open = { kty, n, e };
  return { privateKey, jwk: { ...open, alg: "RS256", use: "sig", kid: await calculateJwkThumbprint(open) } };
}
