import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { checkDelay } from "../../../functions/delete-delay.ts";
import { readSettings } from "../../../functions/settings.ts";

const hostFile = z.object({ functionTimeout: z.string() });

const example = z
  .object({ Values: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync("local.settings.example.json", "utf8"))).Values;

test("the example settings are complete", () => {
  expect(readSettings(example)).toMatchObject({ region: "northeurope", vault: "leeward-vault" });
});

test("nothing may be deleted sooner than a function can still be reading it", () => {
  const settings = readSettings(example);
  const policy = (deleteDelay: number) => recoveryPolicy.parse({ retention: { deleteDelay } });
  expect(() => checkDelay(settings, policy(3_600_000))).not.toThrow();
  expect(() => checkDelay(settings, policy(3_599_999))).toThrow(
    expect.objectContaining({
      code: "InvalidRequest",
      message: expect.stringContaining("properties.leeward.policy.retention.deleteDelay"),
    }),
  );
  const timeOut = hostFile.parse(JSON.parse(readFileSync("host.json", "utf8"))).functionTimeout;
  expect(timeOut).toBe("00:30:00");
});

test("endpoints lose a slash at their end, the issuer keeps every character", () => {
  const found = readSettings({
    ...example,
    LEEWARD_PUBLIC_URL: "https://app.example/",
    LEEWARD_ISSUER: "https://sts.example/tenant/",
  });
  expect(found).toMatchObject({ publicUrl: "https://app.example", issuer: "https://sts.example/tenant/" });
});

test.each([
  ["LEEWARD_SUBSCRIPTION_ID", undefined],
  ["LEEWARD_SUBSCRIPTION_ID", "mine"],
  ["LEEWARD_REGION", "North Europe"],
  ["LEEWARD_TARGET_BLOB_ENDPOINT", "http://account.blob.core.windows.net"],
  ["LEEWARD_ISSUER", "login"],
  ["LEEWARD_AUDIENCE", ""],
  ["LEEWARD_PUBLIC_URL", undefined],
  ["LEEWARD_KEY_FILE", "/both/are/set"],
])("%s = %s is refused by name, without its value", (name, value) => {
  const read = () => readSettings({ ...example, [name]: value });
  expect(read).toThrow(
    expect.objectContaining({ code: "InvalidSetting", message: expect.stringContaining(name) }),
  );
});
