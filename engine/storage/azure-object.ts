import { createHash, hash, randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { RestError } from "@azure/core-rest-pipeline";
import { BlobBatch, type BlobBatchClient, type BlobClient, type ContainerClient } from "@azure/storage-blob";
import { LeewardError, hasCode } from "../core/errors.ts";
import { KIB, bytes } from "../core/units.ts";
import { PATIENT, type Patience, attempt } from "./attempt.ts";
import { bodyOf } from "./azure-body.ts";
import { passesOf, unlessMissing } from "./azure-failure.ts";
import { pagesOf } from "./azure-listing.ts";
import { checkName } from "./name.ts";
import {
  type ETag,
  type GetCheck,
  type ObjectInfo,
  type ObjectStore,
  type PutCondition,
  type StoredObject,
  etagOf,
} from "./store.ts";

/** Azure's limit for one batch. */
const BATCH = 256;
/** Azure's limit for one page of a listing. */
const LIST_PAGE = 5000;
/**
 * Metadata with an id of the put that wrote the blob. When the answer to a put is lost, the repeated put finds the
 * condition broken by itself; the id tells that apart from someone else's write.
 */
const PUT_ID = "put";

/** Block blobs of one container, in Azure or Azurite. */
export class AzureObjectStore implements ObjectStore {
  readonly #container: ContainerClient;
  readonly #patience: Patience;

  constructor(container: ContainerClient, patience: Patience = PATIENT) {
    this.#container = container;
    this.#patience = patience;
  }

  async get(name: string, check: GetCheck = "checked"): Promise<StoredObject | undefined> {
    const client = this.#blob(name);
    return await attempt(`reading ${name}`, this.#patience, (abortSignal) =>
      unlessMissing(async () => {
        const answer = await client.download(0, undefined, { abortSignal, maxRetryRequests: 0 });
        const body = await bodyOf(answer);
        const md5 = answer.contentMD5;
        if (check === "checked") checkSum(name, body, md5);
        return { name, size: bytes(body.length), etag: etagOf(answer.etag ?? ""), body, md5 };
      }),
    );
  }

  async put(name: string, body: Uint8Array, condition: PutCondition, md5?: Uint8Array): Promise<ETag> {
    const first = await this.#put(name, body, condition, md5);
    if (typeof first === "string") return first;
    const again = await this.#put(name, body, condition, md5);
    if (typeof again === "string") return again;
    throw again.denied;
  }

  /**
   * Who may create and not overwrite is denied what is there. Where it is gone by the time that it is looked for, as a segment is
   * that was shipped meanwhile, nothing tells any more whether it was that: `denied`.
   */
  async #put(
    name: string,
    body: Uint8Array,
    condition: PutCondition,
    md5: Uint8Array | undefined,
  ): Promise<ETag | { readonly denied: unknown }> {
    const client = this.#blob(name).getBlockBlobClient();
    const id = randomUUID();
    const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const transactionalContentMD5 = md5 ?? (await checksumOf(content));
    try {
      const answer = await attempt(`storing ${name}`, this.#patience, (abortSignal) =>
        client.upload(content, content.length, {
          abortSignal,
          conditions: conditionsOf(condition),
          metadata: { [PUT_ID]: id },
          transactionalContentMD5,
        }),
      );
      return etagOf(answer.etag ?? "");
    } catch (error) {
      const refused = refusalOf(name, condition, error);
      if (refused === error) throw error;
      const denied = hasCode(error, "StorageDenied");
      const found = await this.#propertiesOf(name).catch((unknown: unknown) => {
        throw denied && !passesOf(unknown) ? error : unknown;
      });
      if (found?.metadata?.[PUT_ID] === id) return etagOf(found.etag ?? "");
      if (denied && !found) return { denied: error };
      throw refused;
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const pages = pagesOf(`listing ${prefix}`, this.#patience, LIST_PAGE, (abortSignal) =>
      this.#container.listBlobsFlat({ prefix, abortSignal }),
    );
    for await (const page of pages)
      for (const { name, properties } of page.segment.blobItems)
        yield { name, size: bytes(properties.contentLength ?? 0), etag: listedETag(properties.etag) };
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    for (let from = 0; from < names.length; from += BATCH)
      await this.#deleteSome(names.slice(from, from + BATCH));
  }

  async ensureContainer(): Promise<void> {
    await attempt(`creating container ${this.#container.containerName}`, this.#patience, (abortSignal) =>
      this.#container.createIfNotExists({ abortSignal }),
    );
  }

  #blob(name: string) {
    checkName(name);
    return this.#container.getBlobClient(name);
  }

  async #propertiesOf(name: string) {
    return await attempt(`reading ${name}`, this.#patience, (abortSignal) =>
      unlessMissing(() => this.#blob(name).getProperties({ abortSignal })),
    );
  }

  async #deleteSome(names: readonly string[]): Promise<void> {
    const clients = [...new Set(names)].map((name) => this.#container.getBlobClient(name));
    const [only] = clients;
    await attempt(`deleting ${names.length} objects`, this.#patience, async (abortSignal) => {
      if (only && clients.length === 1) await unlessMissing(() => only.delete({ abortSignal }));
      else await deleteBatch(this.#container.getBlobBatchClient(), clients, abortSignal);
    });
  }
}

/** Listings give ETags without the quotes that all other answers have. */
const listedETag = (text: string) => etagOf(text.startsWith('"') ? text : `"${text}"`);

const conditionsOf = (condition: PutCondition) => {
  if (condition === "any") return {};
  return condition === "absent" ? { ifNoneMatch: "*" } : { ifMatch: condition.unchangedSince };
};

/**
 * The error that a broken condition is, or the same error when it is something else. Whoever may create and not overwrite is
 * denied what exists (`UnauthorizedBlobOverwrite`; Azurite: `AuthorizationPermissionMismatch`) before any condition is looked
 * at: then it is this error only if the object is there.
 */
function refusalOf(name: string, condition: PutCondition, error: unknown): unknown {
  if (condition === "any") return error;
  const broken = hasCode(error, "ObjectExists") || hasCode(error, "ObjectChanged");
  if (!broken && !(condition === "absent" && hasCode(error, "StorageDenied"))) return error;
  return condition === "absent"
    ? new LeewardError("ObjectExists", `${name} exists`)
    : new LeewardError("ObjectChanged", `${name} was changed by someone else`);
}

/** A third of a millisecond of work between two turns of the event loop: the agent's serves its guest meanwhile. */
const SLICE = 256 * KIB;

/** MD5, which Azure checks what arrives by. */
async function checksumOf(content: Buffer): Promise<Buffer> {
  const running = createHash("md5");
  for (let at = 0; at < content.length; at += SLICE) {
    if (at > 0) await setImmediate();
    running.update(content.subarray(at, at + SLICE));
  }
  return running.digest();
}

/** Azure and Azurite keep the MD5 of every blob stored in one request, and send it with the whole blob. */
function checkSum(name: string, body: Buffer, expected: Uint8Array | undefined): void {
  if (expected && !hash("md5", body, "buffer").equals(expected))
    throw new RestError(`${name} is not what was stored`, { code: "Md5Mismatch" });
}

/** The SDK's own `deleteBlobs` drops the signal. */
async function deleteBatch(
  client: BlobBatchClient,
  blobs: readonly BlobClient[],
  abortSignal: AbortSignal,
): Promise<void> {
  const batch = new BlobBatch();
  for (const blob of blobs) await batch.deleteBlob(blob);
  const { subResponses } = await client.submitBatch(batch, { abortSignal });
  const failed = subResponses.find(
    ({ status, errorCode }) => status >= 300 && !(status === 404 && errorCode !== "ContainerNotFound"),
  );
  if (failed) {
    const { status, errorCode = "BatchPartFailed" } = failed;
    throw new RestError("a delete in a batch failed", { statusCode: status, code: errorCode });
  }
}
