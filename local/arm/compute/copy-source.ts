import { AnonymousCredential, PageBlobClient, RestError } from "@azure/storage-blob";
import type { BoxConfig } from "../box-config.ts";
import { messageOf } from "../../../engine/core/errors.ts";
import { DiskBlobError, type Range } from "./blob-request.ts";
import { storageOptions } from "./box-blob.ts";

/** Reads a range of another blob, as the storage service does for Put Page From URL. @throws DiskBlobError. */
export type ReadSource = (source: string, range: Range, authorization: string | undefined) => Promise<Buffer>;

/** Sources are blobs of the box's own accounts, and disks and snapshots by their SAS: nothing else is ever called. */
export const copySource =
  (config: BoxConfig, ca: string | undefined, origin: () => string): ReadSource =>
  async (source, { start, end }, authorization) => {
    const known = [origin(), ...config.regions.flatMap(({ pool }) => pool.map(({ blob }) => blob))];
    if (!known.some((base) => source.startsWith(`${base.replace(/\/$/, "")}/`)))
      throw new DiskBlobError(400, "InvalidHeaderValue", "The copy source is not a blob of this box.");
    try {
      return await blobOf(source, authorization, ca).downloadToBuffer(start, end - start);
    } catch (error) {
      const status = error instanceof RestError ? (error.statusCode ?? 500) : 500;
      throw new DiskBlobError(status, "CannotVerifyCopySource", messageOf(error).split("\n")[0] ?? "");
    }
  };

function blobOf(source: string, authorization: string | undefined, ca: string | undefined): PageBlobClient {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
  const credential =
    token === undefined
      ? new AnonymousCredential()
      : { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
  return new PageBlobClient(source, credential, storageOptions(ca));
}
