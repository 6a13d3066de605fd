import { hash } from "node:crypto";
import { on } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { constants, zstdCompress } from "node:zlib";
import { mapInOrder } from "../engine/core/in-order.ts";
import { KIB, MIB, bytes, diskIndex, micros, sequence } from "../engine/core/units.ts";
import { follow } from "../engine/journal/chain.ts";
import { segmentName } from "../engine/journal/names.ts";
import type { DataRecord } from "../engine/journal/record.ts";
import { type SealedSegment, sealSegment } from "../engine/journal/seal.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { ChangedImage } from "./delta-image.ts";
import { type Figures, cpuOf } from "./delta-peers.ts";
import { type Address, type Order, PARALLEL } from "./delta-shipper.ts";
import { KEY, MACHINE, START } from "./segments.ts";

interface Store {
  readonly objects: ObjectStore;
  readonly address: Address;
  readonly pid: number;
}

const SEGMENT = 8 * MIB;
/** As NBD clients send large writes. */
const WRITE = 256 * KIB;

const compress = promisify(zstdCompress);

/** The least there is to do: read, compress, hash, put. */
export const floor = (image: ChangedImage, target: Store): Promise<Figures> =>
  measured([target], async () => {
    let stored = 0;
    const pieces = mapInOrder(chunksOf(image), 2, async (writes) => {
      const packed = await compress(Buffer.concat(writes.map(({ data }) => data)), {
        params: { [constants.ZSTD_c_compressionLevel]: 1 },
      });
      return { packed, name: hash("sha256", packed) };
    });
    for await (const size of mapInOrder(pieces, PARALLEL, async ({ packed, name }) => {
      await target.objects.put(name, packed, "absent");
      return packed.length;
    }))
      stored += size;
    return stored;
  });

/** As agent and app do it: seal, put into the cache, and from there into the target, checked on the way. */
export const leeward = (
  image: ChangedImage,
  cache: Store,
  to?: { readonly target: Store; readonly shipper: Worker },
): Promise<Figures> =>
  measured(to ? [cache, to.target] : [cache], async () => {
    let stored = 0;
    let segments = 0;
    const tell = (order: Order) => to?.shipper.postMessage(order);
    const answers = to && on(to.shipper, "message", { signal: AbortSignal.timeout(60_000) });
    if (to) tell({ begin: { cache: cache.address, target: to.target.address } });
    const put = mapInOrder(segmentsOf(image), PARALLEL, async (segment) => {
      const { ordinal, generation } = segment.header;
      await cache.objects.put(segmentName(MACHINE, generation, ordinal), segment.bytes, "absent");
      return segment.bytes.length;
    });
    for await (const size of put) {
      stored += size;
      segments++;
      tell("look");
    }
    for await (const [next] of answers ?? []) if (next === START.next + segments) break;
    return stored;
  });

async function* segmentsOf(image: ChangedImage): AsyncGenerator<SealedSegment> {
  let position = START;
  for await (const writes of ahead(chunksOf(image))) {
    const { generation, next: ordinal, chain: previous, sequence: from } = position;
    const records = writes.map(({ at, data }, i): DataRecord => ({
      kind: "data",
      sequence: sequence(from + 1 + i),
      time: micros(1_790_000_000_000_000),
      disk: diskIndex(0),
      offset: bytes(at),
      data,
    }));
    const segment = await sealSegment({
      machine: MACHINE,
      generation,
      ordinal,
      previous,
      from,
      records,
      key: KEY,
    });
    position = follow(MACHINE, position, segment);
    yield segment;
  }
}

/** The agent's own process reads while another one seals. */
async function* ahead<Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  for (let next = items.next(); ;) {
    const { done, value } = await next;
    if (done) return;
    next = items.next();
    yield value;
  }
}

interface Write {
  readonly at: number;
  readonly data: Buffer;
}

/** What changed, read from the disk, as many bytes at a time as a segment holds. */
async function* chunksOf({ after, extents }: ChangedImage): AsyncGenerator<Write[]> {
  const file = await open(after, "r");
  try {
    let chunk: Write[] = [];
    let size = 0;
    for (const { start, end } of extents)
      for (let at = start; at < end; at += WRITE) {
        const data = await read(file, at, Math.min(WRITE, end - at));
        chunk.push({ at, data });
        size += data.length;
        if (size < SEGMENT) continue;
        yield chunk;
        chunk = [];
        size = 0;
      }
    if (chunk.length > 0) yield chunk;
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const data = Buffer.allocUnsafe(length);
  await file.read(data, 0, length, at);
  return data;
}

/** @param work gives the bytes that it stored */
async function measured(stores: readonly Store[], work: () => Promise<number>): Promise<Figures> {
  const servers = () => stores.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
  const [cpu, server, begun] = [process.cpuUsage(), servers(), performance.now()];
  const stored = await work();
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds,
    moved: stored * stores.length,
    stored,
    cpu: (user + system) / 1e6,
    serverCpu: servers() - server,
  };
}
