import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fileKey, masterKey } from "../../../../engine/journal/file-key.ts";
import {
  dataKey,
  dataKeyBytes,
  decodeWrappedKey,
  encodeWrappedKey,
  newDataKey,
} from "../../../../engine/journal/key.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "leeward-key-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function keyFile(content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, randomBytes(8).toString("hex"));
  await writeFile(file, content);
  return file;
}

const refused = (code: string) => expect.objectContaining({ code });

test("a wrapped key unwraps to the same key, through its document", async () => {
  const wrapper = masterKey(randomBytes(32));
  const key = newDataKey();
  const document = encodeWrappedKey(await wrapper.wrap(key));
  const unwrapped = await wrapper.unwrap(decodeWrappedKey(document));
  expect(dataKeyBytes(unwrapped)).toEqual(dataKeyBytes(key));
});

test("a key file may hold the bytes or base64 of them", async () => {
  const master = randomBytes(32);
  const wrapped = await masterKey(master).wrap(newDataKey());
  for (const content of [master, `${master.toString("base64")}\n`]) {
    const wrapper = await fileKey(await keyFile(content));
    expect(dataKeyBytes(await wrapper.unwrap(wrapped))).toHaveLength(32);
  }
});

test.each(["", "too short", "*".repeat(44), "a".repeat(33)])(
  "a key file with %j is refused",
  async (content) => {
    await expect(fileKey(await keyFile(content))).rejects.toEqual(refused("InvalidSetting"));
  },
);

test("a missing key file is named", async () => {
  const file = path.join(folder, "missing");
  await expect(fileKey(file)).rejects.toMatchObject({
    code: "InvalidSetting",
    message: expect.stringContaining(file),
  });
});

test("another master key does not unwrap, and both are named without a secret", async () => {
  const wrapped = await masterKey(randomBytes(32)).wrap(newDataKey());
  const message = expect.stringContaining(`wrapped by key-file ${wrapped.masterKey}, not by key file`);
  await expect(masterKey(randomBytes(32)).unwrap(wrapped)).rejects.toMatchObject({
    code: "KeyWrong",
    message,
  });
});

test("what another kind of wrapper wrapped is not tried", async () => {
  const wrapper = masterKey(randomBytes(32));
  const wrapped = await wrapper.wrap(newDataKey());
  await expect(wrapper.unwrap({ ...wrapped, wrapper: "key-vault" })).rejects.toEqual(refused("KeyWrong"));
});

test("no damage to the document gives another key", async () => {
  const wrapper = masterKey(Buffer.alloc(32, 1));
  const key = newDataKey();
  const document = encodeWrappedKey(await wrapper.wrap(key));
  const flip = fc.tuple(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(flip, async ([at, mask]) => {
      const damaged = Buffer.from(document);
      damaged.writeUInt8((document[at] ?? 0) ^ mask, at);
      const attempt = async () => dataKeyBytes(await wrapper.unwrap(decodeWrappedKey(damaged)));
      const outcome = await attempt().catch((error: unknown) => error);
      expect([dataKeyBytes(key), refused("KeyWrong")]).toContainEqual(outcome);
    }),
    { numRuns: 1000 },
  );
});

test("a key does not show its bytes when it is printed", () => {
  const secret = Buffer.alloc(32, 0x41);
  const printed = [inspect(dataKey(secret)), JSON.stringify(dataKey(secret))].join();
  expect(printed).not.toMatch(/41 41|AAAA|4141|65,65/);
});

test.each([0, 16, 31, 33])("a key of %d bytes is refused", (length) => {
  expect(() => dataKey(new Uint8Array(length))).toThrow(RangeError);
  expect(() => masterKey(new Uint8Array(length))).toThrow(RangeError);
});
