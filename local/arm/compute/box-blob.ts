import { PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import type { Issuer } from "../tokens/issuer.ts";

/** A page blob of the box, by its URL. */
export type BlobAt = (uri: string) => PageBlob;

export interface PageBlob {
  /** In bytes; undefined when it is no page blob. */
  size(): Promise<number | undefined>;
  read(offset: number, length: number): Promise<Buffer>;
  /** The allocated ranges of its first bytes. */
  ranges(size: number): AsyncIterable<{ readonly offset: number; readonly length: number }>;
}

const STORAGE = "https://storage.azure.com";
/** Azure's own service reads the blob, whoever asked for the import. */
const IMPORTER = { objectId: "00000000-0000-0000-0000-00000000d15c", clientId: "disk-import", roles: [] };

/** Those of the box's accounts. @param ca PEM of the authority behind the blob service's certificate. */
export const blobsOf =
  (issuer: Issuer, ca: string | undefined): BlobAt =>
  (uri) => {
    const getToken = async () => {
      const { token, expires } = await issuer.mint(IMPORTER, STORAGE);
      return { token, expiresOnTimestamp: expires * 1000 };
    };
    const blob = new PageBlobClient(uri, { getToken }, storageOptions(ca));
    return {
      async size() {
        const { contentLength = 0, blobType } = await blob.getProperties();
        return blobType === "PageBlob" ? contentLength : undefined;
      },
      read: (offset, length) => blob.downloadToBuffer(offset, length),
      async *ranges(size) {
        for await (const { start, end } of blob.listPageRanges(0, size))
          yield { offset: start, length: end + 1 - start };
      },
    };
  };

/**
 * For reading blobs of the box. The storage client passes TLS options on to its pipeline, but its types do not say so.
 * @param ca PEM of the authority behind the blob service's certificate.
 */
export function storageOptions(ca: string | undefined): StoragePipelineOptions {
  const options: StoragePipelineOptions & { tlsOptions?: { ca: string } } = {
    retryOptions: { maxTries: 2 },
  };
  if (ca !== undefined) options.tlsOptions = { ca };
  return options;
}
