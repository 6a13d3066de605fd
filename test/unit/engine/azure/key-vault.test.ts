import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { keyVaultKey } from "../../../../engine/azure/key-vault.ts";
import { hasCode } from "../../../../engine/core/errors.ts";
import { type KeyWrapper, dataKey, dataKeyBytes, newDataKey } from "../../../../engine/journal/key.ts";
import { type Stub, credentialOf, httpsStub } from "./https-stub.ts";

/** As published: `POST {vault}/keys/{name}/{version}/wrapkey?api-version=7.4`, base64url both ways. */
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
const request = z.strictObject({ alg: z.literal("RSA-OAEP-256"), value: z.base64url() });
const VERSION = "0123456789abcdef0123456789abcdef";

let stub: Stub;
const seen: string[] = [];

beforeAll(async () => {
  stub = await httpsStub((incoming, response, body) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    const { value } = request.parse(JSON.parse(body));
    const bytes = Buffer.from(value, "base64url");
    const unwraps = incoming.url?.includes("unwrapkey");
    const result = unwraps
      ? privateDecrypt({ key: privateKey, ...oaep }, bytes)
      : publicEncrypt({ key: publicKey, ...oaep }, bytes);
    response.setHeader("content-type", "application/json");
    const denied = incoming.headers.authorization !== "Bearer good";
    response.statusCode = denied ? 403 : 200;
    response.end(
      JSON.stringify(
        denied
          ? { error: { code: "Forbidden", message: "no wrapKey right" } }
          : { kid: `${stub.url}/keys/master/${VERSION}`, value: result.toString("base64url") },
      ),
    );
  });
});
afterAll(() => stub.close());

const wrapperOf = (token = "good"): KeyWrapper =>
  keyVaultKey(`${stub.url}/keys/master`, credentialOf(token), dataKey, { tls: stub.tls });

test("a data key goes under the vault's key and comes back", async () => {
  const key = newDataKey();
  const wrapped = await wrapperOf().wrap(key);
  expect(wrapped).toMatchObject({ wrapper: "key-vault", masterKey: `${stub.url}/keys/master/${VERSION}` });
  expect(Buffer.from(wrapped.wrapped, "base64").includes(dataKeyBytes(key))).toBe(false);
  const back = await wrapperOf().unwrap(wrapped);
  expect(dataKeyBytes(back)).toEqual(dataKeyBytes(key));
  expect(seen).toEqual([
    "POST /keys/master/wrapkey?api-version=7.4",
    `POST /keys/master/${VERSION}/unwrapkey?api-version=7.4`,
  ]);
});

test.each([
  ["another vault's", "https://other.example/keys/master/1"],
  ["another key's", "/keys/masterly/1"],
])("what is %s is KeyWrong, and nothing is sent there", async (_, id) => {
  const wrapped = await wrapperOf().wrap(newDataKey());
  const before = seen.length;
  const foreign = { ...wrapped, masterKey: id.startsWith("/") ? `${stub.url}${id}` : id };
  await expect(wrapperOf().unwrap(foreign)).rejects.toSatisfy((error) => hasCode(error, "KeyWrong"));
  expect(seen.length).toBe(before);
});

test("what a key file wrapped is KeyWrong", async () => {
  const wrapped = await wrapperOf().wrap(newDataKey());
  const unwrapping = wrapperOf().unwrap({ ...wrapped, wrapper: "key-file" });
  await expect(unwrapping).rejects.toSatisfy((error) => hasCode(error, "KeyWrong"));
});

test("a vault that refuses says why", async () => {
  await expect(wrapperOf("bad").wrap(newDataKey())).rejects.toThrow(/403 Forbidden: no wrapKey right/);
});

test.each(["http://v.example/keys/a", "https://v.example/secrets/a", "keys/a"])(
  "%s is no Key Vault key",
  (id) => {
    expect(() => keyVaultKey(id, credentialOf("good"), dataKey)).toThrow(/Key Vault key/);
  },
);
