import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { LeewardError } from "../core/errors.ts";
import { type DataKey, KEY_BYTES, type KeyWrapper, type WrappedKey, dataKey, dataKeyBytes } from "./key.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = Buffer.from("leeward data key 1");

/**
 * Wraps under a master key in a file: 32 bytes raw, or base64 of them with blank space around.
 * @throws InvalidSetting when the file is missing or holds no key.
 */
export async function fileKey(path: string): Promise<KeyWrapper> {
  const content = await readFile(path).catch((error: unknown) => {
    throw new LeewardError("InvalidSetting", `the master key file ${path} cannot be read`, error);
  });
  const master =
    content.length === KEY_BYTES ? content : Buffer.from(content.toString("latin1").trim(), "base64");
  if (master.length !== KEY_BYTES)
    throw new LeewardError(
      "InvalidSetting",
      `the master key file ${path} does not hold ${KEY_BYTES} bytes, raw or in base64`,
    );
  return masterKey(master);
}

/** @throws RangeError when the master key is not 32 bytes. */
export function masterKey(master: Uint8Array): KeyWrapper {
  if (master.length !== KEY_BYTES)
    throw new RangeError(`a master key has ${KEY_BYTES} bytes, not ${master.length}`);
  const fingerprint = createHash("sha256")
    .update("leeward master key 1")
    .update(master)
    .digest("hex")
    .slice(0, 32);
  return {
    wrap: async (key) => ({
      format: 1,
      wrapper: "key-file",
      masterKey: fingerprint,
      wrapped: encrypt(master, key).toString("base64"),
    }),
    unwrap: async (wrapped) => decrypt(master, fingerprint, wrapped),
  };
}

function encrypt(master: Uint8Array, key: DataKey): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, master, nonce).setAAD(PURPOSE);
  return Buffer.concat([nonce, cipher.update(dataKeyBytes(key)), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(
  master: Uint8Array,
  fingerprint: string,
  { wrapper, masterKey, wrapped }: WrappedKey,
): DataKey {
  if (wrapper !== "key-file" || masterKey !== fingerprint)
    throw new LeewardError(
      "KeyWrong",
      `the data key was wrapped by ${wrapper} ${masterKey}, not by key file ${fingerprint}`,
    );
  const bytes = Buffer.from(wrapped, "base64");
  try {
    const decipher = createDecipheriv(CIPHER, master, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(PURPOSE).setAuthTag(bytes.subarray(-TAG_BYTES));
    return dataKey(
      Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]),
    );
  } catch (error) {
    throw new LeewardError("KeyWrong", `the wrapped data key is damaged (key file ${fingerprint})`, error);
  }
}
