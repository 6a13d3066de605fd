import type { StoragePipelineOptions } from "@azure/storage-blob";

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
