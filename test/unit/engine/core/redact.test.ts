import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeewardError, messageOf } from "../../../../engine/core/errors.ts";
import { carriesSecret, redact, redactedError } from "../../../../engine/core/redact.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.c2lnbmF0dXJl";

/** How secrets stand in what Azure and its libraries say; each holds the secret that it is given. */
const SHAPES: readonly ((secret: string) => string)[] = [
  (s) => `https://h.blob.core.windows.net/c/b?sv=2025-01-01&sig=${encodeURIComponent(s)}&se=x`,
  (s) => `x-ms-copy-source: https%3A%2F%2Fh%2Fb%3Fsp%3Dr%26sig%3D${encodeURIComponent(s)}%26se%3D1`,
  (s) => `%253Fsig%253D${encodeURIComponent(s)}`,
  (s) => `{"accessSAS":"https://md-1.z1.blob.storage.azure.net/x/abcd?sp=r&sig=${s}"}`,
  (s) => JSON.stringify({ text: JSON.stringify({ access_token: s, token_type: "Bearer" }) }),
  (s) => `"refresh_token": "${s}"`,
  (s) => `client_secret=${s}&grant_type=client_credentials`,
  (s) => `AccountName=x;AccountKey=${s}==;EndpointSuffix=core.windows.net`,
  (s) => `Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=${s}`,
  (s) => `Authorization: Bearer ${s}1`,
  (s) => `authorization: SharedKey account:${s}=`,
  (s) => `X-IDENTITY-HEADER: ${s}`,
  (s) => `<UserDelegationKey><SignedService>b</SignedService><Value>${s}</Value>`,
  (s) => `https://app/runtime/webhooks/durabletask/instances/1?taskHub=t&code=${s}`,
  (s) => `{"password":"${s}"}`,
  (s) => `https://user:${encodeURIComponent(s)}@host/path`,
];
const secret = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9+/_~-]{11,80}$/)
  .filter((s) => !/^\d+$/.test(s))
  .map((s) => `Q7${s}`);
const words = fc.array(
  fc.constantFrom("PUT", "/subscriptions/s", "409", "code:", '"', "\n", ";", "Bearer", "é", "[x]"),
);

test("a secret is taken out of a message, whatever stands around it", () => {
  const shape = fc.constantFrom(...SHAPES);
  fc.assert(
    fc.property(secret, shape, shape, words, words, (one, first, second, before, after) => {
      const text = [before.join(" "), first(one), "and", second(one), after.join(" ")].join(" ");
      const forms = [one, encodeURIComponent(one)];
      const clean = redact(text);
      for (const form of forms) expect(clean).not.toContain(form);
      expect(redact(clean)).toBe(clean);
      for (const form of forms) expect(new LeewardError("ArmFailed", text).message).not.toContain(form);
      for (const form of forms) expect(messageOf(new Error(text))).not.toContain(form);
    }),
    { numRuns: 2000 },
  );
});

test("a token is taken out wherever it stands", () => {
  expect(redact(`token was ${TOKEN}.`)).toBe("token was ***.");
});

test("a megabyte of anything is read in no time", () => {
  for (const text of ["sig=".repeat(250_000), "Bearer ".repeat(140_000), "eyJ.".repeat(250_000)]) {
    const begin = performance.now();
    redact(text);
    expect(performance.now() - begin).toBeLessThan(2000);
  }
});

test.each([
  "PUT /subscriptions/s: 409 code: DiskInUse, signal lost, design=3",
  "the secret of the vault: not found; password: missing",
  "Basic authentication is not supported; Bearer authentication is",
  "GET https://host:443/path?code-x=1",
])("everything else stays as it is: %s", (text) => {
  expect(redact(text)).toBe(text);
});

test("URLs that grant something are told from those that do not", () => {
  expect(carriesSecret(new URL("https://h/op?api-version=1&t=2&monitor=true"))).toBe(false);
  expect(carriesSecret(new URL("https://h/op?sig=1"))).toBe(true);
  expect(carriesSecret(new URL("https://user:word@h/op"))).toBe(true);
});

describe("an error that is printed as a whole", () => {
  const SAS = "https://disks.test/md-1?sv=2025-11-05&sig=s3cr3t%2Bsignature%3D";
  const request = { headers: { authorization: "Bearer s3cr3t" } };
  const inner = Object.assign(new Error(`PUT ${SAS} failed`), { request });
  const thrown = new AggregateError(
    [new Error("first", { cause: new Error("second", { cause: inner }) }), `thrown as a text: ${SAS}`],
    `two of them, one at ${SAS}`,
  );

  test("has no secret in any of its causes, in what it gathers, or beside them", () => {
    const printed = inspect(redactedError(thrown), { depth: null });
    expect(printed).not.toContain("s3cr3t");
    for (const said of ["two of them", "first", "second", "PUT https://disks.test/md-1", "as a text"])
      expect(printed).toContain(said);
  });

  test("keeps its name and where it came from", () => {
    const { name, stack } = redactedError(new RangeError("off"));
    expect(name).toBe("RangeError");
    expect(stack).toContain("redact.test.ts");
  });

  test("ends, even where it is its own cause", () => {
    const own = new Error("round");
    own.cause = own;
    expect(inspect(redactedError(own), { depth: null })).toContain("round");
  });
});
