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
  ["public", "https://management.azure.com", "core.windows.net"],
  ["usGovernment", "https://management.usgovcloudapi.net", "core.usgovcloudapi.net"],
  ["china", "https://management.chinacloudapi.cn", "core.chinacloudapi.cn"],
])("the %s cloud has its own endpoints", (cloud, armEndpoint, suffix) => {
  const { LEEWARD_ARM_ENDPOINT: _, LEEWARD_ARM_AUDIENCE: __, ...rest } = example;
  const found = readSettings({
    ...rest,
    LEEWARD_CLOUD: cloud,
    LEEWARD_TARGET_BLOB_ENDPOINT: `https://a.blob.${suffix}`,
    LEEWARD_TARGET_TABLE_ENDPOINT: `https://a.table.${suffix}`,
  });
  expect(found).toMatchObject({ armEndpoint, armAudience: armEndpoint });
  expect(found.storageSuffixes).toContain(suffix);
});

test("a cloud that nobody knows is described by its settings", () => {
  const own = {
    LEEWARD_ARM_ENDPOINT: "https://management.own.example",
    LEEWARD_ARM_AUDIENCE: "https://arm.own.example",
    LEEWARD_STORAGE_SUFFIX: "store.own.example",
    LEEWARD_TARGET_BLOB_ENDPOINT: "https://a.blob.store.own.example",
    LEEWARD_TARGET_TABLE_ENDPOINT: "https://a.table.store.own.example",
  };
  expect(readSettings({ ...example, ...own })).toMatchObject({
    armEndpoint: "https://management.own.example",
    armAudience: "https://arm.own.example",
    storageSuffixes: ["store.own.example"],
  });
});

test.each([
  ["LEEWARD_CLOUD", "mooncake"],
  ["LEEWARD_STORAGE_SUFFIX", "https://x"],
  ["LEEWARD_TARGET_BLOB_ENDPOINT", "https://account.blob.core.windows.net.evil.example"],
  ["LEEWARD_TARGET_TABLE_ENDPOINT", "https://account.table.core.chinacloudapi.cn"],
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
