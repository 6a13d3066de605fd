import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { constants, createZstdCompress, zstdDecompress } from "node:zlib";
import { NO_DIGEST } from "../engine/core/digest.ts";
import { machineId } from "../engine/core/ids.ts";
import {
  GIB,
  KIB,
  MIB,
  bytes,
  diskIndex,
  generation,
  micros,
  ordinal,
  sequence,
} from "../engine/core/units.ts";
import { newDataKey } from "../engine/journal/key.ts";
import { openSegment } from "../engine/journal/open.ts";
import type { JournalRecord } from "../engine/journal/record.ts";
import { type SegmentContent, sealSegment } from "../engine/journal/seal.ts";
import { type CheckedSegment, checkSegment } from "../engine/journal/segment.ts";
import { type Cost, type Row, interleaved, printTable } from "./measure.ts";

const SEGMENT = 8 * MIB;
const SEGMENTS = 3;
const ROUNDS = 11;
const FROM = sequence(0);

const decompress = promisify(zstdDecompress);

/**
 * Sealing and opening, against zstd level 1, AES-256-GCM and SHA-256 alone on the same bytes.
 *
 * Sealing decodes what it encoded (invariant 2 of the format), so its floor is that of both ways. A cheaper check would not
 * see a fault of compression, which only a restore would find. The floor of encoding alone shows what that costs.
 */
export async function run(): Promise<void> {
  console.log(
    `${SEGMENTS} segments of ${SEGMENT / MIB} MiB in records of 4 to 64 KiB; medians of ${ROUNDS} interleaved rounds; ` +
      "MB/s of guest data per CPU second (all threads), and of wall time.\n",
  );
  for (const [name, data] of [
    ["operating system files", osFiles(SEGMENT * SEGMENTS)],
    ["incompressible", randomBytes(SEGMENT * SEGMENTS)],
  ] as const)
    await compare(name, data);
}

async function compare(name: string, data: Buffer): Promise<void> {
  const contents = split(data, SEGMENT).map(contentOf);
  const sealed = await inTurn(contents, sealSegment);
  const stored = sealed.reduce((sum, { bytes: all }) => sum + all.length, 0);
  const costs = await interleaved(
    [...wholeRows(contents, sealed), ...(await partRows(data))],
    ROUNDS,
    "each",
  );
  const part = (...names: string[]) => sumOf(names.map((each) => costOf(costs, each)));
  const seal = part("seal");
  const open = part("open");
  const encode = part("zstd", "encrypt", "sha-256");
  const decode = part("sha-256", "decrypt", "unzstd");
  const both = sumOf([encode, decode]);
  const line = (label: string, cost: Cost, ...floors: Cost[]) => [
    label,
    speed(data.length, cost.cpu),
    speed(data.length, cost.wall),
    ...floors.map((floor) => (floor.cpu / cost.cpu).toFixed(2)),
  ];
  printTable([
    [
      `${name}, stored ${Math.round((100 * stored) / data.length)} %`,
      "MB/s CPU",
      "MB/s wall",
      "of floor",
      "of both",
    ],
    ...["zstd", "encrypt", "sha-256", "unzstd", "decrypt"].map((each) => line(`  ${each} alone`, part(each))),
    line("floor of encoding: zstd + encrypt + sha-256", encode),
    line("floor of both: sealing decodes what it encoded", both),
    line("seal", seal, encode, both),
    line("floor of decoding: sha-256 + decrypt + unzstd", decode),
    line("check and open", open, decode),
  ]);
  console.log();
}

const wholeRows = (contents: readonly SegmentContent[], sealed: readonly CheckedSegment[]): Row[] => [
  row("seal", contents, sealSegment),
  row("open", [...sealed.entries()], ([i, { bytes: segment }]) =>
    openSegment(checkSegment(segment), contents[i]?.key ?? newDataKey()),
  ),
];

/** Each part of the work alone, in its fastest form that Node has off the main thread (zstd) and on it (the others). */
async function partRows(data: Buffer): Promise<Row[]> {
  const bodies = split(data, SEGMENT);
  const packed = await inTurn(bodies, zstd);
  const stored = packed.map((each, i) => shorter(each, bodies[i]));
  const shrunk = stored.filter((each) => packed.includes(each));
  return [
    row("zstd", bodies, zstd),
    row("encrypt", stored, encrypt),
    row("sha-256", stored, (each) => hash("sha256", each)),
    row("decrypt", stored.map(encrypt), decrypt),
    row("unzstd", shrunk, unzstd),
  ];
}

const row = <In>(name: string, items: readonly In[], work: (item: In) => unknown): Row => ({
  name,
  run: async () => {
    for (const item of items) await work(item);
  },
});

/** Told at once that nothing follows; `zstdCompress` costs a seventh more. */
async function zstd(body: Buffer): Promise<Buffer> {
  const stream = createZstdCompress({
    chunkSize: body.length + (body.length >> 7),
    flush: constants.ZSTD_e_end,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  stream.write(body);
  const [packed]: Buffer[] = await once(stream, "data");
  stream.close();
  return packed ?? body;
}
const unzstd = (stored: Buffer): Promise<Buffer> => decompress(stored, { chunkSize: SEGMENT + 1 });
const shorter = (packed: Buffer, body: Buffer = packed): Buffer =>
  packed.length < body.length ? packed : body;

const KEY = randomBytes(32);

interface Encrypted {
  readonly bytes: Buffer;
  readonly nonce: Buffer;
  readonly tag: Buffer;
}

function encrypt(plain: Buffer): Encrypted {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", KEY, nonce);
  const encrypted = cipher.update(plain);
  cipher.final();
  return { bytes: encrypted, nonce, tag: cipher.getAuthTag() };
}

function decrypt({ bytes: encrypted, nonce, tag }: Encrypted): void {
  const decipher = createDecipheriv("aes-256-gcm", KEY, nonce).setAuthTag(tag);
  decipher.update(encrypted);
  decipher.final();
}

function contentOf(data: Buffer): SegmentContent {
  const records: JournalRecord[] = [];
  const sizes = [4, 8, 4, 16, 4, 32, 4, 64];
  for (let at = 0; at < data.length;) {
    const end = at + (sizes[records.length % sizes.length] ?? 4) * KIB;
    records.push({
      kind: "data",
      sequence: sequence(records.length + 1),
      time: micros(1_790_000_000_000_000 + records.length * 137),
      disk: diskIndex(0),
      offset: bytes((at * 7919) % (64 * GIB)),
      data: data.subarray(at, end),
    });
    at = end;
  }
  return {
    machine: machineId("bench"),
    generation: generation(1),
    ordinal: ordinal(0),
    previous: NO_DIGEST,
    from: FROM,
    records,
    key: newDataKey(),
  };
}

/** Programs and libraries of this machine, as they lie on a disk: what an initial copy carries. */
export function osFiles(size: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (const directory of ["/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/share", "/usr/lib"])
    for (const entry of readdirSync(directory, {
      withFileTypes: true,
      recursive: directory === "/usr/share",
    })) {
      if (length >= size) return Buffer.concat(parts).subarray(0, size);
      if (!entry.isFile()) continue;
      const content = readFileSync(path.join(entry.parentPath, entry.name));
      const some = content.subarray(0, 4 * MIB);
      parts.push(some);
      length += some.length;
    }
  throw new Error(`this machine has no ${size} bytes of files under /usr`);
}

const split = (data: Buffer, size: number): Buffer[] =>
  Array.from({ length: data.length / size }, (_, i) => data.subarray(i * size, (i + 1) * size));

async function inTurn<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

const costOf = (costs: ReadonlyMap<string, Cost>, name: string): Cost =>
  costs.get(name) ?? { cpu: 0, wall: 0 };

const sumOf = (costs: readonly Cost[]): Cost => ({
  cpu: costs.reduce((sum, { cpu }) => sum + cpu, 0),
  wall: costs.reduce((sum, { wall }) => sum + wall, 0),
});

const speed = (size: number, ms: number): string => (ms === 0 ? "-" : (size / 1000 / ms).toFixed(0));
