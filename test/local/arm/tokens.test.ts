import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { managedIdentity } from "../../../engine/azure/credential.ts";
import { AGENT, ARM_AUDIENCE, OPERATOR, TENANT, type TestBox, startBox } from "./fixture.ts";

const STORAGE = "https://storage.azure.com";
const API = "api://leeward";
const SUBSCRIPTIONS = "/subscriptions/11111111-1111-4111-8111-111111111111?api-version=2022-12-01";
const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });
const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string(), n: z.string(), e: z.string() })) });
const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
});
afterAll(() => box.close());
afterEach(() => {
  delete process.env["IDENTITY_ENDPOINT"];
  delete process.env["IDENTITY_HEADER"];
});

test("Microsoft's own ManagedIdentityCredential gets a token over plain http on loopback", async () => {
  process.env["IDENTITY_ENDPOINT"] = box.identityEndpoint;
  process.env["IDENTITY_HEADER"] = OPERATOR.secret;
  const got = await managedIdentity().getToken(`${STORAGE}/.default`);
  if (!got) throw new Error("no token");
  expect(decodeJwt(got.token)).toMatchObject({ aud: STORAGE, oid: "33333333-3333-4333-8333-333333333333" });
  expect(got.expiresOnTimestamp).toBeGreaterThan(Date.now() + 3_600_000);
});

test("a token for storage carries what Azurite asks for", async () => {
  const claims = decodeJwt(await box.token(AGENT.secret, STORAGE));
  expect(claims).toMatchObject({ aud: STORAGE, iss: `https://sts.windows.net/${TENANT}/`, tid: TENANT });
  expect(claims.nbf).toBeLessThanOrEqual(Date.now() / 1000 - 30);
  expect(claims.iat).toBeLessThanOrEqual(Date.now() / 1000);
});

test("a token for the app's own API is verified by what the issuer publishes", async () => {
  const document = await box.call("GET", `${new URL(box.issuer).pathname}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = discovery.parse(document.body);
  expect(issuer).toBe(box.issuer);
  const keys = jwks.parse((await box.call("GET", new URL(jwks_uri).pathname)).body);
  const token = await box.token(AGENT.secret, API);
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience: API });
  expect(payload).toMatchObject({ roles: ["Leeward.Agent"], sub: "44444444-4444-4444-8444-444444444444" });
});

test("the published keys hold nothing private", async () => {
  const answer = await box.call("GET", `/${TENANT}/discovery/v2.0/keys`);
  expect(Object.keys(jwks.parse(answer.body).keys[0] ?? {}).toSorted()).toEqual([
    "alg",
    "e",
    "kid",
    "kty",
    "n",
    "use",
  ]);
});

test.each([
  ["without the header", undefined, "resource=a&api-version=2019-08-01", 401],
  ["with an unknown header", "nobody-knows-this-one", "resource=a&api-version=2019-08-01", 401],
  ["without a resource", OPERATOR.secret, "api-version=2019-08-01", 400],
  ["of another version", OPERATOR.secret, "resource=a&api-version=2017-09-01", 400],
])("a token request %s is refused", async (_, secret, query, status) => {
  const headers = new Headers(secret === undefined ? [] : [["x-identity-header", secret]]);
  expect((await fetch(`${box.identityEndpoint}?${query}`, { headers })).status).toBe(status);
});

const code = async (headers: Record<string, string>) => {
  const { status, body } = await box.call("GET", SUBSCRIPTIONS, headers);
  return `${status} ${failure.parse(body).error.code}`;
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test("ARM refuses a call without a token, or with one that is not for it", async () => {
  expect(await code({})).toBe("401 AuthenticationFailed");
  expect(await code({ authorization: "Basic eDp5" })).toBe("401 AuthenticationFailedInvalidHeader");
  expect(await code(bearer("nonsense"))).toBe("401 InvalidAuthenticationToken");
  expect(await code(bearer(await box.token(OPERATOR.secret, STORAGE)))).toBe(
    "401 InvalidAuthenticationTokenAudience",
  );
});

test("ARM refuses a token that somebody else signed, or that was changed", async () => {
  const other = await startBox();
  try {
    const foreign = await other.token(OPERATOR.secret, ARM_AUDIENCE);
    expect(await code(bearer(foreign))).toBe("401 InvalidAuthenticationToken");
  } finally {
    await other.close();
  }
  const [head, , signature] = (await box.token(AGENT.secret, ARM_AUDIENCE)).split(".");
  const [, payload] = (await box.token(OPERATOR.secret, ARM_AUDIENCE)).split(".");
  expect(await code(bearer(`${head}.${payload}.${signature}`))).toBe("401 InvalidAuthenticationToken");
});

test("ARM does not obey an identity without rights", async () => {
  expect(await code(bearer(await box.token(AGENT.secret, ARM_AUDIENCE)))).toBe("403 AuthorizationFailed");
});

test("a trailing slash in the audience makes no difference", async () => {
  const token = await box.token(OPERATOR.secret, `${ARM_AUDIENCE}/`);
  expect((await box.call("GET", SUBSCRIPTIONS, bearer(token))).status).toBe(200);
});
