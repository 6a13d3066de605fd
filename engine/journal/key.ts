import { type KeyObject, createSecretKey, randomBytes } from "node:crypto";
import { z } from "zod";
import { LeewardError } from "../core/errors.ts";

declare const dataKeyBrand: unique symbol;
/** Encrypts the segments of one machine. An opaque handle: it does not print its bytes. */
export type DataKey = KeyObject & { readonly [dataKeyBrand]: true };

export const KEY_BYTES = 32;

/** @throws RangeError when it is not 32 bytes. */
export function dataKey(bytes: Uint8Array): DataKey {
  if (bytes.length !== KEY_BYTES)
    throw new RangeError(`a data key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  return createSecretKey(bytes) as DataKey;
}

export const newDataKey = (): DataKey => dataKey(randomBytes(KEY_BYTES));

/** The secret itself, for the agent that registers and for wrapping. */
export const dataKeyBytes = (key: DataKey): Buffer => key.export();

const wrappedKey = z.strictObject({
  format: z.literal(1),
  /** Which wrapper can unwrap it. */
  wrapper: z.enum(["key-file", "key-vault"]),
  /** Names the master key to the wrapper: its fingerprint, or its URL with version. No secret. */
  masterKey: z.string().min(1).max(1000),
  /** Opaque to all but the wrapper. */
  wrapped: z.base64().min(1).max(4000),
});

/** A data key that only the holder of the master key can use: the document at `keyName(machine)`. */
export type WrappedKey = z.infer<typeof wrappedKey>;

/** Puts data keys under a master key. */
export interface KeyWrapper {
  wrap(key: DataKey): Promise<WrappedKey>;
  /** @throws KeyWrong when another master key, or another kind of wrapper, wrapped it. */
  unwrap(wrapped: WrappedKey): Promise<DataKey>;
}

export const encodeWrappedKey = (wrapped: WrappedKey): Buffer => Buffer.from(`${JSON.stringify(wrapped)}\n`);

/** @throws KeyWrong when the document is not a wrapped key of a known format. */
export function decodeWrappedKey(document: Uint8Array): WrappedKey {
  try {
    return wrappedKey.parse(JSON.parse(Buffer.from(document).toString("utf8")));
  } catch (error) {
    throw new LeewardError(
      "KeyWrong",
      "the document of the data key is not a wrapped key of format 1",
      error,
    );
  }
}
