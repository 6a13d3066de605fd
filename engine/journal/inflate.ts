import { promisify } from "node:util";
import { createZstdDecompress, zstdDecompress } from "node:zlib";
import type { LeewardError } from "../core/errors.ts";
import { type Bytes, KIB } from "../core/units.ts";
import { decryptInto } from "./cipher.ts";
import type { DataKey } from "./key.ts";
import { withScratch } from "./scratch.ts";

const decompress = promisify(zstdDecompress);

/** A segment or a part of a layer whose structure was checked. */
interface SealedBody {
  readonly header: { readonly compressed: boolean; readonly bodyLength: Bytes; readonly storedLength: Bytes };
  readonly bytes: Buffer;
}

interface Blame {
  /** What it is, for messages. */
  readonly place: string;
  readonly damaged: (message: string, cause?: unknown) => LeewardError;
}

/**
 * Index and payloads, decrypted and decompressed.
 * @param into what to fill, of `bodyLength`; fresh memory when absent
 * @throws KeyWrong, and what `damaged` makes
 */
export async function plainBody(
  sealed: SealedBody,
  key: DataKey,
  blame: Blame,
  into?: Buffer,
): Promise<Buffer> {
  const { header, bytes } = sealed;
  if (header.compressed)
    return withScratch(header.storedLength, async (stored) => {
      decryptInto(stored, bytes, key, blame.place);
      return into ? inflateInto(into, stored, blame) : inflate(header.bodyLength, stored, blame);
    });
  const body = into ?? Buffer.allocUnsafeSlow(header.storedLength);
  decryptInto(body, bytes, key, blame.place);
  return body;
}

async function inflate(length: Bytes, stored: Buffer, { place, damaged }: Blame): Promise<Buffer> {
  // zlib takes no chunk below 64 bytes; a lone barrier has a smaller body.
  const chunkSize = Math.max(64, length + 1);
  const body = await decompress(stored, { chunkSize, maxOutputLength: length }).catch((error: unknown) => {
    throw damaged(`${place}: the body does not decompress`, error);
  });
  if (body.length !== length) throw damaged(`${place}: a body of ${body.length}, not ${length}`);
  return body;
}

/** What one call of zstd gives: fresh memory too, but free again before the next collection meets it. */
const CHUNK = 256 * KIB;

async function inflateInto(body: Buffer, stored: Buffer, { place, damaged }: Blame): Promise<Buffer> {
  const stream = createZstdDecompress({ chunkSize: CHUNK });
  let filled = 0;
  await new Promise<void>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      if (filled + chunk.length > body.length) stream.destroy(new RangeError("longer than its header says"));
      else filled += chunk.copy(body, filled);
    });
    stream.once("end", resolve).once("error", reject);
    stream.end(stored);
  }).catch((error: unknown) => {
    throw damaged(`${place}: the body does not decompress`, error);
  });
  if (filled !== body.length) throw damaged(`${place}: a body of ${filled}, not ${body.length}`);
  return body;
}
