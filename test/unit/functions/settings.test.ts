import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { readSettings } from "../../../functions/settings.ts";

const example = z
  .object({ Values: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync("local.settings.example.json", "utf8"))).Values;

test("the example settings are complete", () => {
  expect(readSettings(example)).toMatchObject({ region: "northeurope", vault: "leeward-vault" });
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
