import { expect, test } from "vitest";
import { carriesSecret, redact } from "../../../../engine/azure/redact.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.c2lnbmF0dXJl";

test.each([
  ["a SAS", "https://h/c/b?sv=2025-01-01&sig=abc%2Bdef%3D&se=x", "abc%2Bdef"],
  ["a SAS in JSON", '{"accessSAS":"https://h/c/b?sp=r&sig=abcdef"}', "abcdef"],
  ["a bearer token", `Authorization: Bearer ${TOKEN}`, "c2lnbmF0dXJl"],
  ["a bare token", `token was ${TOKEN}.`, "eyJvaWQ"],
  ["a token in JSON", '{"access_token":"abcdef"}', "abcdef"],
  ["an account key", "AccountName=x;AccountKey=abcdef==;", "abcdef"],
])("%s is taken out of a message", (_, text, secret) => {
  expect(redact(text)).not.toContain(secret);
});

test("everything else stays as it is", () => {
  const text = "PUT /subscriptions/s: 409 code: DiskInUse, signal lost, design=3";
  expect(redact(text)).toBe(text);
});

test("URLs that grant something are told from those that do not", () => {
  expect(carriesSecret(new URL("https://h/op?api-version=1&t=2&monitor=true"))).toBe(false);
  expect(carriesSecret(new URL("https://h/op?sig=1"))).toBe(true);
  expect(carriesSecret(new URL("https://user:word@h/op"))).toBe(true);
});
