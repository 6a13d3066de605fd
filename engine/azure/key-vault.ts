import type { KeyObject } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { parsed, refusal } from "./arm-failure.ts";
import { type AzureHttpSettings, azureHttp, httpsOrigin } from "./azure-http.ts";

/** A data key under a Key Vault key; the shape of `WrappedKey` in `engine/journal/key.ts`. */
interface VaultWrapped {
  readonly format: 1;
  readonly wrapper: "key-file" | "key-vault";
  /** The key's URL with its version. */
  readonly masterKey: string;
  /** base64 */
  readonly wrapped: string;
}

/** Fits `KeyWrapper` of `engine/journal/key.ts`. */
export interface VaultKey<Key extends KeyObject> {
  wrap(key: Key): Promise<VaultWrapped & { readonly wrapper: "key-vault" }>;
  unwrap(wrapped: VaultWrapped): Promise<Key>;
}

/** RSA-OAEP with SHA-256: the strongest that software keys of every tier have. */
const ALGORITHM = "RSA-OAEP-256";
const API_VERSION = "7.4";

const result = z.object({ kid: z.url(), value: z.base64url() });

/**
 * Wraps data keys by a key that never leaves the vault (`wrapkey` and `unwrapkey` of the Key Vault REST API). A new version
 * of the key wraps what is new; old versions go on unwrapping what they wrapped.
 * @param keyId URL of the key, `https://<vault>/keys/<name>`, optionally with a version.
 * @param keyOf makes the data key of its 32 bytes.
 * @throws InvalidSetting when the URL is not one. Methods throw ArmUnavailable, ArmFailed and KeyWrong.
 */
export function keyVaultKey<Key extends KeyObject>(
  keyId: string,
  credential: TokenCredential,
  keyOf: (bytes: Uint8Array) => Key,
  settings: Omit<AzureHttpSettings, "credential"> & { readonly audience?: string } = {},
): VaultKey<Key> {
  const origin = httpsOrigin(keyId, "the Key Vault key");
  const name = /^\/keys\/[0-9A-Za-z-]{1,127}(?=\/|$)/.exec(new URL(keyId).pathname)?.[0];
  if (!name)
    throw new LeewardError("InvalidSetting", `not the URL of a Key Vault key: ${JSON.stringify(keyId)}`);
  const send = azureHttp({ credential, ...settings }, settings.audience ?? "https://vault.azure.net");

  async function ask(key: string, action: "wrapkey" | "unwrapkey", value: string) {
    const path = `${key}/${action}`;
    const url = `${path}?api-version=${API_VERSION}`;
    const reply = await send({ method: "POST", url, path, body: { alg: ALGORITHM, value } });
    if (reply.status >= 300) throw refusal(`POST ${path}`, reply);
    const answer = parsed(result, reply.body, `POST ${path}`);
    return { kid: answer.kid, bytes: Buffer.from(answer.value, "base64url") };
  }

  return {
    async wrap(key) {
      const secret = key.export().toString("base64url");
      const { kid, bytes } = await ask(keyId.replace(/\/$/, ""), "wrapkey", secret);
      return { format: 1, wrapper: "key-vault", masterKey: kid, wrapped: bytes.toString("base64") };
    },
    async unwrap({ wrapper, masterKey, wrapped }) {
      if (wrapper !== "key-vault" || !masterKey.startsWith(`${origin}${name}/`))
        throw new LeewardError(
          "KeyWrong",
          `the data key is wrapped by ${masterKey}, not by ${origin}${name}`,
        );
      const value = Buffer.from(wrapped, "base64").toString("base64url");
      const { bytes } = await ask(masterKey, "unwrapkey", value);
      return keyOf(bytes);
    },
  };
}
