import { randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";

const Keys = z.object({
  /** Opens everything, and alone opens `admin` functions and /admin. */
  master: z.string().min(20),
  /** Opens functions of level `function`. */
  function: z.string().min(20),
  /** Opens the webhooks of the Durable extension. */
  durable: z.string().min(20),
});
export type Keys = z.output<typeof Keys>;

/** Reads keys.json of the data folder, or makes new keys. @throws LeewardError InvalidSetting when it cannot be read */
export function readKeys(data: string): Keys {
  const file = path.join(data, "keys.json");
  if (existsSync(file)) {
    try {
      return Keys.parse(JSON.parse(readFileSync(file, "utf8")));
    } catch (error) {
      throw new LeewardError("InvalidSetting", `${file}: ${messageOf(error)}`, error);
    }
  }
  const keys: Keys = { master: newKey(), function: newKey(), durable: newKey() };
  mkdirSync(data, { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(keys, null, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return keys;
}

/** True when the given key is one of those that open. */
export function opens(given: string | undefined, ...keys: string[]): boolean {
  if (given === undefined) return false;
  return keys.some((key) => key.length === given.length && timingSafeEqual(bytes(key), bytes(given)));
}

/** Of the same length for texts of the same length, whatever they hold. */
const bytes = (text: string): Uint8Array => Buffer.from(text, "utf16le");

const newKey = (): string => randomBytes(32).toString("base64url");
