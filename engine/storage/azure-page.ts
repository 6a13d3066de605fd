import { randomUUID } from "node:crypto";
import type { BlobGetPropertiesResponse, ContainerClient, PageBlobClient } from "@azure/storage-blob";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type Bytes, bytes, micros, millis } from "../core/units.ts";
import { systemClock } from "../core/clock.ts";
import { PATIENT, type Patience, attempt } from "./attempt.ts";
import { unlessCode, unlessMissing } from "./azure-failure.ts";
import { bodyOf } from "./azure-body.ts";
import { pagesOf } from "./azure-listing.ts";
import { checkName } from "./name.ts";
import { checkAligned, checkPageBlobSize, checkWithin, checkWriteLength, mergeRanges } from "./page.ts";
import {
  type Fence,
  type PageRange,
  type PageSnapshot,
  type PageStore,
  type SnapshotId,
  fenceOf,
  snapshotId,
} from "./store.ts";

/** Azure lists at most so many ranges at once; Azurite all of them. */
const RANGE_PAGE = 10_000;
/** Azure's limit for one page of a listing of blobs. */
const LIST_PAGE = 5000;
/** Two that take the right from each other take turns; so many turns mean that something is wrong. */
const FENCE_TRIES = 10;
/** How often to look whether a copy inside the account is ready; it is within a second. */
const COPY_POLL = millis(500);

/** Page blobs of one container, in Azure or Azurite. */
export class AzurePageStore implements PageStore {
  readonly #container: ContainerClient;
  readonly #patience: Patience;
  /** A fence belongs to one blob, whose size never changes. */
  readonly #sizes = new Map<Fence, Bytes>();

  constructor(container: ContainerClient, patience: Patience = PATIENT) {
    this.#container = container;
    this.#patience = patience;
  }

  async create(name: string, size: Bytes): Promise<void> {
    checkPageBlobSize(size);
    const blob = this.#blob(name);
    try {
      await this.#attempt(`creating ${name}`, (abortSignal) =>
        blob.create(size, { abortSignal, conditions: { ifNoneMatch: "*" } }),
      );
    } catch (error) {
      if (!hasCode(error, "ObjectExists")) throw error;
      const found = await this.#properties(name);
      if (found.contentLength !== size || found.blobType !== "PageBlob" || isCopy(found))
        throw new LeewardError(
          "ObjectExists",
          `${name} exists with ${found.contentLength} bytes, not ${size}`,
        );
    }
  }

  async takeFence(name: string): Promise<Fence> {
    const found = await this.#properties(name);
    if (isCopy(found)) throw new LeewardError("StateNotAllowed", `${name} is a copy and is never written`);
    const fence = fenceOf(randomUUID());
    const lease = this.#blob(name).getBlobLeaseClient(fence);
    for (let tries = 1; ; tries++) {
      await this.#breakLease(name);
      const taken = await this.#attempt(`taking the fence of ${name}`, (abortSignal) =>
        unlessCode("LeaseAlreadyPresent", () => lease.acquireLease(-1, { abortSignal })),
      );
      if (taken) break;
      if (tries === FENCE_TRIES)
        throw new LeewardError("FenceLost", `others take the right to write to ${name} again and again`);
    }
    this.#sizes.set(fence, bytes(found.contentLength ?? 0));
    return fence;
  }

  async releaseFence(name: string, fence: Fence): Promise<void> {
    this.#sizes.delete(fence);
    const lease = this.#blob(name).getBlobLeaseClient(fence);
    await this.#attempt(`releasing the fence of ${name}`, (abortSignal) =>
      unlessMissing(() =>
        unlessCode("LeaseIdMismatchWithLeaseOperation", () => lease.releaseLease({ abortSignal })),
      ),
    );
  }

  async write(name: string, fence: Fence, offset: Bytes, data: Uint8Array): Promise<void> {
    const blob = this.#blob(name);
    checkAligned(offset, data.length);
    checkWriteLength(data.length);
    checkWithin(await this.#size(name, fence), offset, data.length);
    const content = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    // No checksum of its own: TLS guards the way, and `verify` compares the replica with the source's block digests.
    await this.#attempt(`writing ${content.length} bytes at ${offset} of ${name}`, (abortSignal) =>
      blob.uploadPages(content, offset, content.length, { abortSignal, conditions: { leaseId: fence } }),
    );
  }

  async clear(name: string, fence: Fence, offset: Bytes, length: Bytes): Promise<void> {
    const blob = this.#blob(name);
    checkAligned(offset, length);
    checkWithin(await this.#size(name, fence), offset, length);
    await this.#attempt(`clearing ${length} bytes at ${offset} of ${name}`, (abortSignal) =>
      blob.clearPages(offset, length, { abortSignal, conditions: { leaseId: fence } }),
    );
  }

  async read(name: string, offset: Bytes, length: Bytes, at?: SnapshotId): Promise<Buffer> {
    const blob = this.#readable(name, at);
    checkAligned(offset, length);
    return await this.#attempt(`reading ${length} bytes at ${offset} of ${name}`, async (abortSignal) => {
      const body = await unlessCode("InvalidRange", async () =>
        bodyOf(await blob.download(offset, length, { abortSignal, maxRetryRequests: 0 })),
      );
      checkWithin(offset + (body?.length ?? 0), offset, length);
      return body ?? Buffer.alloc(0);
    });
  }

  async ranges(name: string, at?: SnapshotId): Promise<PageRange[]> {
    const blob = this.#readable(name, at);
    const found: { offset: number; count: number }[] = [];
    const pages = pagesOf(`listing ranges of ${name}`, this.#patience, RANGE_PAGE, (abortSignal) =>
      blob.listPageRanges(0, undefined, { abortSignal }),
    );
    for await (const { pageRange } of pages)
      for (const { start, end } of pageRange ?? []) found.push({ offset: start, count: end - start + 1 });
    return mergeRanges(found);
  }

  async snapshot(name: string, fence: Fence): Promise<SnapshotId> {
    const blob = this.#blob(name);
    const { snapshot } = await this.#attempt(`taking a snapshot of ${name}`, (abortSignal) =>
      blob.createSnapshot({ abortSignal, conditions: { leaseId: fence } }),
    );
    return snapshotId(snapshot ?? "");
  }

  async snapshots(name: string): Promise<PageSnapshot[]> {
    checkName(name);
    const found: PageSnapshot[] = [];
    const pages = pagesOf(`listing snapshots of ${name}`, this.#patience, LIST_PAGE, (abortSignal) =>
      this.#container.listBlobsFlat({ prefix: name, includeSnapshots: true, abortSignal }),
    );
    for await (const { segment } of pages)
      for (const { name: of, snapshot } of segment.blobItems)
        if (of === name && snapshot) found.push({ id: snapshotId(snapshot), taken: takenAt(snapshot) });
    return found.toSorted((a, b) => a.taken - b.taken);
  }

  async deleteSnapshot(name: string, at: SnapshotId): Promise<void> {
    const blob = this.#readable(name, at);
    await this.#attempt(`deleting snapshot ${at} of ${name}`, (abortSignal) =>
      unlessMissing(() => blob.delete({ abortSignal })),
    );
  }

  async promote(name: string, at: SnapshotId, copy: string): Promise<string> {
    const source = this.#readable(name, at);
    const target = this.#blob(copy);
    const found = await this.#attempt(`reading ${copy}`, (abortSignal) =>
      unlessMissing(() => target.getProperties({ abortSignal })),
    );
    if (found && !isCopy(found)) throw new LeewardError("ObjectExists", `${copy} is a blob of its own`);
    while (!(await this.#startCopy(source, target))) await this.#copied(copy);
    const { copyStatus, copyStatusDescription } = await this.#copied(copy);
    if (copyStatus !== "success")
      throw new LeewardError(
        "StorageRefused",
        `copying ${name} to ${copy}: ${copyStatus} ${copyStatusDescription}`,
      );
    return withoutQuery(target.url);
  }

  async delete(name: string): Promise<void> {
    const blob = this.#blob(name);
    await this.#breakLease(name);
    await this.#attempt(`deleting ${name}`, (abortSignal) =>
      unlessMissing(() => blob.delete({ abortSignal, deleteSnapshots: "include" })),
    );
  }

  async ensureContainer(): Promise<void> {
    await this.#attempt(`creating container ${this.#container.containerName}`, (abortSignal) =>
      this.#container.createIfNotExists({ abortSignal }),
    );
  }

  #attempt<T>(what: string, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return attempt(what, this.#patience, request);
  }

  #blob(name: string): PageBlobClient {
    checkName(name);
    return this.#container.getPageBlobClient(name);
  }

  /** Only for reading: Azurite takes a write through a snapshot's URL and does it to the blob. */
  #readable(
    name: string,
    at: SnapshotId | undefined,
  ): Pick<PageBlobClient, "url" | "delete" | "download" | "listPageRanges"> {
    const blob = this.#blob(name);
    return at === undefined ? blob : blob.withSnapshot(at);
  }

  #properties(name: string): Promise<BlobGetPropertiesResponse> {
    const blob = this.#blob(name);
    return this.#attempt(`reading ${name}`, (abortSignal) => blob.getProperties({ abortSignal }));
  }

  async #size(name: string, fence: Fence): Promise<Bytes> {
    const known = this.#sizes.get(fence);
    if (known !== undefined) return known;
    const size = bytes((await this.#properties(name)).contentLength ?? 0);
    this.#sizes.set(fence, size);
    return size;
  }

  /** Nothing happens when there is no lease or no blob. */
  async #breakLease(name: string): Promise<void> {
    const lease = this.#blob(name).getBlobLeaseClient();
    await this.#attempt(`breaking the fence of ${name}`, (abortSignal) =>
      unlessMissing(() =>
        unlessCode("LeaseNotPresentWithLeaseOperation", () => lease.breakLease(0, { abortSignal })),
      ),
    );
  }

  /** False when an earlier copy to the same place is not ready. */
  async #startCopy(source: { url: string }, target: PageBlobClient): Promise<boolean> {
    const started = await this.#attempt(`copying to ${target.name}`, (abortSignal) =>
      unlessCode("PendingCopyOperation", () => target.beginCopyFromURL(source.url, { abortSignal })),
    );
    started?.stopPolling();
    return started !== undefined;
  }

  async #copied(copy: string): Promise<BlobGetPropertiesResponse> {
    for (;;) {
      const found = await this.#properties(copy);
      if (found.copyStatus !== "pending") return found;
      await systemClock.sleep(COPY_POLL, this.#patience.signal);
    }
  }
}

/** Azure and Azurite name a snapshot by its time. */
const takenAt = (snapshot: string) => micros(Date.parse(snapshot) * 1000);

/** Only `promote` makes copies here. */
const isCopy = (found: BlobGetPropertiesResponse) => found.copyId !== undefined;

/** Without a SAS, which is a secret. */
const withoutQuery = (url: string) => url.split("?")[0] ?? url;
