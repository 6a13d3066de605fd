import { RestError } from "@azure/core-rest-pipeline";
import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { millis } from "../../../../engine/core/units.ts";
import { PATIENT, attempt } from "../../../../engine/storage/attempt.ts";

const refused = (statusCode: number, code = "") => new RestError("refused", { statusCode, code });
const failing = (error: unknown) =>
  attempt("reading x", { ...PATIENT, tries: 1 }, () => Promise.reject(error));

test.each([
  [refused(401), "StorageDenied"],
  [refused(404, "BlobNotFound"), "NotFound"],
  [refused(409, "BlobAlreadyExists"), "ObjectExists"],
  [refused(409, "BlobImmutableDueToPolicy"), "StorageRefused"],
  [refused(412, "ConditionNotMet"), "ObjectChanged"],
  [refused(412, "LeaseIdMismatchWithBlobOperation"), "FenceLost"],
  [refused(400, "Md5Mismatch"), "StorageUnavailable"],
  [refused(400, "InvalidHeaderValue"), "StorageRefused"],
  [refused(503, "ServerBusy"), "StorageUnavailable"],
  [new RestError("connect", { code: "ECONNREFUSED" }), "StorageUnavailable"],
  [new RestError("tls", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), "StorageRefused"],
  [Object.assign(new Error("reset"), { code: "ECONNRESET" }), "StorageUnavailable"],
])("%o becomes %s", async (error, code) => {
  await expect(failing(error)).rejects.toMatchObject({
    code,
    message: expect.stringContaining("reading x: "),
  });
});

test("a fault of ours stays what it is, and is not tried again", async () => {
  let tries = 0;
  const fault = new TypeError("undefined is not a function");
  const attempted = attempt("reading x", PATIENT, () => {
    tries++;
    return Promise.reject(fault);
  });
  await expect(attempted).rejects.toBe(fault);
  expect(tries).toBe(1);
});

test("an error of Leeward passes through as it is", async () => {
  const error = new LeewardError("ObjectExists", "x exists");
  await expect(failing(error)).rejects.toBe(error);
});

test("no message holds a secret", async () => {
  const url = "https://account.blob.core.windows.net/c/x?sv=2025&sig=SECRET%3D";
  for (const message of [`GET ${url} failed`, "sig=SECRET", "Authorization: Bearer SECRET", `"${url}"`]) {
    const error = await failing(new RestError(message, { statusCode: 403 })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LeewardError);
    expect(`${error}`).not.toContain("SECRET");
  }
});

test("it stops between tries as soon as the signal says so", async () => {
  const stop = new AbortController();
  const patience = { tries: 9, tryTimeout: millis(60_000), signal: stop.signal };
  let tries = 0;
  const attempted = attempt("reading x", patience, () => {
    if (++tries === 2) setImmediate(() => stop.abort(new Error("enough")));
    return Promise.reject(refused(503));
  });
  await expect(attempted).rejects.toThrow("enough");
  expect(tries).toBe(2);
});
