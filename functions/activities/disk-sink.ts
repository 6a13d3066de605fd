import { AnonymousCredential, PageBlobClient } from "@azure/storage-blob";
import { VHD_FOOTER_BYTES } from "../../engine/azure/vhd-footer.ts";
import { SECTOR, type Bytes } from "../../engine/core/units.ts";
import type { Sink } from "../../engine/replication/restore.ts";
import { PATIENT, attempt } from "../../engine/storage/attempt.ts";

/**
 * A managed disk that is open for upload, through its SAS. The footer goes last: without it the disk is no disk.
 * @param sas URL with the access; a secret, never in an error
 * @param name of the disk, for errors
 */
export function diskSink(sas: string, name: string, size: Bytes, footer: Uint8Array): Sink {
  const blob = new PageBlobClient(sas, new AnonymousCredential(), { retryOptions: { maxTries: 1 } });
  const put = (offset: number, data: Uint8Array) =>
    attempt(`writing ${data.length} bytes at ${offset} of disk ${name}`, PATIENT, (abortSignal) =>
      blob.uploadPages(Buffer.from(data.buffer, data.byteOffset, data.byteLength), offset, data.length, {
        abortSignal,
      }),
    );
  return {
    async write(offset, data) {
      if (offset % SECTOR !== 0 || data.length % SECTOR !== 0)
        throw new RangeError(`disk ${name}: ${data.length} bytes at ${offset} are no whole sectors`);
      await put(offset, data);
    },
    // A new disk is zero, and a run that died before this one wrote nothing but this point.
    zero: async () => undefined,
    async finish() {
      if (footer.length !== VHD_FOOTER_BYTES)
        throw new RangeError(`not a VHD footer: ${footer.length} bytes`);
      await put(size, footer);
    },
    close: async () => undefined,
  };
}
