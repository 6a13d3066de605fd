import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { ETag, ObjectStore } from "../../engine/storage/store.ts";
import { collect } from "../fixtures/collect.ts";
import { instead } from "./instead.ts";
import type { Tally } from "./tally.ts";

/**
 * The cache as an agent has it: its SAS lets it create and read. So Azure answers a put over what is there with 403, as it does
 * where access is denied, and the client looks whether there is something, as `AzureObjectStore` does. Between the two anything
 * may happen.
 */
export function bySas(cache: ObjectStore, tally: Tally): ObjectStore {
  const put = async (...args: Parameters<ObjectStore["put"]>): Promise<ETag> => {
    for (const _ of ["first", "again"]) {
      try {
        return await cache.put(...args);
      } catch (error) {
        if (!hasCode(error, "ObjectExists")) throw error;
        tally.note("storage: 403 over what is there");
        if ((await collect(cache.list(args[0]))).length > 0) throw error;
        tally.note("storage: 403 over what is gone at the next look");
      }
    }
    throw new LeewardError("StorageDenied", `putting ${args[0]}: 403`);
  };
  return instead(cache, { put });
}
