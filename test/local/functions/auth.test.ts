import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type Server, createServer } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { type CryptoKey, type JWK, SignJWT, UnsecuredJWT, exportJWK, generateKeyPair } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { requireRole, tokenChecker } from "../../../functions/auth.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";

const AUDIENCE = "api://leeward";
const directory = mkdtempSync(path.join(tmpdir(), "leeward-auth-"));
let server: Server;
let issuer: string;
let keys: { kid: string; privateKey: CryptoKey; jwk: JWK }[] = [];
/** What the discovery document says; a test may change it. */
let announced: { issuer: string; status: number };

beforeAll(async () => {
  const { ca, cert, key } = await ensureCertificates(directory);
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), readFileSync(ca, "utf8")]);
  server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    const found =
      request.url === "/keys"
        ? { keys: keys.map(({ jwk }) => jwk) }
        : { issuer: announced.issuer, jwks_uri: `${issuer}/keys` };
    response.writeHead(announced.status, { "content-type": "application/json" }).end(JSON.stringify(found));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `https://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  announced = { issuer, status: 200 };
  keys = [await newKey("first")];
});

async function newKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "RS256", use: "sig" } };
}

interface Made {
  readonly roles?: readonly string[];
  readonly from?: string;
  readonly audience?: string;
  readonly expires?: string;
  readonly key?: number;
}

async function token({
  roles = ["Leeward.Operator"],
  from = issuer,
  audience = AUDIENCE,
  expires = "5m",
  key = 0,
}: Made = {}) {
  const signer = keys[key];
  if (!signer) throw new Error(`there is no key ${key}`);
  return new SignJWT({ roles: [...roles], oid: "the-object" })
    .setProtectedHeader({ alg: "RS256", kid: signer.kid })
    .setIssuer(from)
    .setAudience(audience)
    .setSubject("the-subject")
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(signer.privateKey);
}

const check = (text: string | null) => tokenChecker({ issuer, audience: AUDIENCE })(text);

test("a good token names its principal, and its role includes the lower ones", async () => {
  const caller = await check(`Bearer ${await token()}`);
  expect(caller.principal).toBe("the-object");
  expect([...caller.roles].toSorted()).toEqual(["Operator", "Reader"]);
  expect(() => requireRole(caller, "Reader")).not.toThrow();
  expect(() => requireRole(caller, "Admin")).toThrow(expect.objectContaining({ code: "Forbidden" }));
});

test("Event Grid has a role of its own, which is good for nothing else", async () => {
  const caller = await check(`Bearer ${await token({ roles: ["AzureEventGridSecureWebhookSubscriber"] })}`);
  expect([...caller.roles]).toEqual(["Events"]);
  expect(() => requireRole(caller, "Events")).not.toThrow();
  expect(() => requireRole(caller, "Reader")).toThrow(/Leeward.Reader/);
});

test("who is not Event Grid may not tell of events", async () => {
  const caller = await check(`Bearer ${await token({ roles: ["Leeward.Admin"] })}`);
  expect(() => requireRole(caller, "Events")).toThrow(/AzureEventGridSecureWebhookSubscriber/);
});

test("roles of other apps give nothing", async () => {
  const caller = await check(
    `Bearer ${await token({ roles: ["Admin", "Leeward.Everything", "leeward.admin"] })}`,
  );
  expect([...caller.roles]).toEqual([]);
});

test.each<[string, Made]>([
  ["expired", { expires: "-5m" }],
  ["of another issuer", { from: "https://elsewhere.example" }],
  ["for another audience", { audience: "api://other" }],
])("a token that is %s is refused", async (_, made) => {
  await expect(check(`Bearer ${await token(made)}`)).rejects.toMatchObject({ code: "Unauthorized" });
});

test("a token without a signature is refused", async () => {
  const forged = new UnsecuredJWT({ roles: ["Leeward.Admin"] })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject("x")
    .setExpirationTime("5m")
    .encode();
  await expect(check(`Bearer ${forged}`)).rejects.toMatchObject({ code: "Unauthorized" });
});

test("a token that was changed is refused", async () => {
  const [head, , signature] = (await token()).split(".");
  const body = Buffer.from(
    JSON.stringify({ iss: issuer, aud: AUDIENCE, sub: "x", exp: 9e9, roles: ["Leeward.Admin"] }),
  ).toString("base64url");
  await expect(check(`Bearer ${head}.${body}.${signature}`)).rejects.toMatchObject({ code: "Unauthorized" });
});

test("a key that the issuer does not publish is refused", async () => {
  keys.push(await newKey("second"));
  const made = await token({ key: 1 });
  keys.pop();
  await expect(check(`Bearer ${made}`)).rejects.toMatchObject({ code: "Unauthorized" });
});

test("an issuer that does not answer is no fault of the token, and is asked again", async () => {
  const checker = tokenChecker({ issuer, audience: AUDIENCE });
  const made = await token();
  announced.status = 503;
  await expect(checker(`Bearer ${made}`)).rejects.toMatchObject({
    code: "IssuerUnavailable",
    class: "retry",
  });
  announced.status = 200;
  await expect(checker(`Bearer ${made}`)).resolves.toMatchObject({ principal: "the-object" });
});

test("a discovery document of another issuer is not believed", async () => {
  announced.issuer = "https://elsewhere.example";
  await expect(check(`Bearer ${await token()}`)).rejects.toMatchObject({ code: "IssuerUnavailable" });
});
