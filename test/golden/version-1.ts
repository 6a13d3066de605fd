import { createHash } from "node:crypto";
import { digestOf } from "../../engine/core/digest.ts";
import { barrierId, groupId, machineId } from "../../engine/core/ids.ts";
import { GIB, bytes, diskIndex, generation, micros, millis, ordinal, sequence } from "../../engine/core/units.ts";
import { dataKey } from "../../engine/journal/key.ts";
import type { Base } from "../../engine/journal/base.ts";
import type { GroupPoint } from "../../engine/journal/group-manifest.ts";
import type { Layer } from "../../engine/journal/layer-document.ts";
import type { LayerSpan } from "../../engine/journal/layer-header.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import type { JournalPosition } from "../../engine/journal/position.ts";
import type { JournalRecord } from "../../engine/journal/record.ts";

/** What the files of `version-1/` say. Never change it: a new version gets a file and a folder of its own. */
export const FOLDER = new URL("./version-1/", import.meta.url);
export const SEGMENT_FILES = ["0.seg", "1.seg", "2.seg"];
export const PACK_FILE = "0-2.pack.seg";
export const POINT_FILE = "point.json";
export const GROUP_FILE = "group-point.json";
export const BASE_FILE = "base.json";
export const KEY_FILE = "key.json";
export const LAYER_FILE = "layer.json";
export const LAYER_PART_FILES = ["layer-0.lay", "layer-1.lay"];

export const MASTER_KEY = bytesOf("master key", 32);
export const DATA_KEY = dataKey(bytesOf("data key", 32));
export const MACHINE = machineId("golden-0123456789abcdef");
export const GENERATION = generation(3);
/** The last write of the generation before. */
export const FROM = sequence(1000);

const START = 1_795_000_000_000_000;
const BARRIER = barrierId("0e02b2c3-d479-4372-a567-58cc47f1b0aa");

/** The records of each segment: text that compresses, bytes that do not, and one of every kind. */
export const RECORDS: readonly (readonly JournalRecord[])[] = [
  [data(1001, 0, 4096, Buffer.alloc(8192, "order ")), data(1002, 1, 0, Buffer.alloc(512, 0xff))],
  [data(1003, 0, 3 * GIB, bytesOf("dense", 4096))],
  [
    {
      kind: "zero",
      sequence: sequence(1004),
      time: micros(START + 4),
      disk: diskIndex(63),
      offset: bytes(512),
      length: bytes(5 * GIB),
    },
    {
      kind: "barrier",
      id: BARRIER,
      sequence: sequence(1004),
      time: micros(START + 5),
      consistency: "application",
    },
    data(1005, 1, 1, Buffer.from([7])),
    {
      kind: "digests",
      barrier: BARRIER,
      sequence: sequence(1005),
      time: micros(START + 6),
      disk: diskIndex(1),
      blocks: Uint32Array.of(0, 1, 4_294_967_295),
      digests: bytesOf("digests", 96),
    },
    {
      kind: "proof",
      barrier: BARRIER,
      sequence: sequence(1005),
      time: micros(START + 7),
      roots: [
        { disk: diskIndex(0), size: bytes(4 * GIB), root: digestOf(bytesOf("root 0", 32).toString("hex")) },
        { disk: diskIndex(1), size: bytes(65_537), root: digestOf(bytesOf("root 1", 32).toString("hex")) },
      ],
    },
    { kind: "barrier", id: BARRIER, sequence: sequence(1005), time: micros(START + 8), consistency: "crash" },
  ],
];

/** @param chain the digest of the last segment, which hangs on random nonces */
export const positionOf = (chain: string): JournalPosition => ({
  generation: GENERATION,
  next: ordinal(3),
  chain: digestOf(chain),
  sequence: sequence(1005),
  time: micros(START + 1005),
  bytes: bytes(8192 + 512 + 4096 + 1),
});

export const pointOf = (chain: string): RecoveryPoint => ({
  format: 1,
  machine: MACHINE,
  generation: GENERATION,
  id: BARRIER,
  sequence: sequence(1004),
  time: micros(START + 5),
  consistency: "application",
  position: positionOf(chain),
  disks: [
    {
      index: diskIndex(0),
      name: "os disk",
      size: bytes(4 * GIB),
      root: digestOf(bytesOf("root 0", 32).toString("hex")),
    },
    {
      index: diskIndex(1),
      name: "Daten-Platte ä",
      size: bytes(65_537),
      root: digestOf(bytesOf("root 1", 32).toString("hex")),
    },
  ],
  losses: {
    vm: { seconds: 0.25, bytes: bytes(0), writes: 0 },
    region: { seconds: 3.5, bytes: bytes(1), writes: 1 },
  },
});

/** Of the point of `pointOf`, and one of another machine. */
export const GROUP_POINT: GroupPoint = {
  format: 1,
  group: groupId("3f0a9a3e-6a43-8a4c-9a51-2f3d7c5b1e00"),
  id: BARRIER,
  time: micros(START),
  hold: millis(100),
  consistency: "crash",
  members: [
    {
      machine: machineId("a-0"),
      generation: generation(999_999),
      sequence: sequence(0),
      chain: digestOf(bytesOf("chain of another", 32).toString("hex")),
    },
    {
      machine: MACHINE,
      generation: GENERATION,
      sequence: sequence(1004),
      chain: digestOf(bytesOf("chain of the end", 32).toString("hex")),
    },
  ],
};

const BUILD = barrierId("6f1c7d1e-2f0b-4b57-8c5a-0d5b8c3f9a11");
const BEGIN = barrierId("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed");
const BEGIN_CHAIN = digestOf(bytesOf("chain", 32).toString("hex"));

/** Of a generation that stands on that point. */
export const baseOf = (chain: string): Base => {
  const { machine, generation: of, id, sequence: at, position, disks } = pointOf(chain);
  const point = { generation: of, id, sequence: at, position };
  const roots = disks.map(({ index, size, root }) => ({ index, size, root }));
  return { format: 1, machine, generation: generation(of + 1), point: { ...point, disks: roots } };
};

/** From a point before to the point of `pointOf`; its chain hangs on no nonce. */
export const LAYER_SPAN: LayerSpan = {
  machine: MACHINE,
  generation: GENERATION,
  build: BUILD,
  begin: BEGIN,
  end: BARRIER,
  first: ordinal(1),
  next: ordinal(3),
  from: sequence(1002),
  to: sequence(1004),
  previous: BEGIN_CHAIN,
  chain: digestOf(bytesOf("chain of the end", 32).toString("hex")),
};

/** The records of each part of the layer: one stored as is, one compressed. */
export const LAYER_RECORDS: readonly (readonly JournalRecord[])[] = [
  [{ ...data(1004, 0, 3 * GIB, bytesOf("dense", 4096)), time: micros(0) }],
  [
    {
      kind: "zero",
      sequence: sequence(1004),
      time: micros(0),
      disk: diskIndex(63),
      offset: bytes(512),
      length: bytes(5 * GIB),
    },
    {
      kind: "digests",
      barrier: BARRIER,
      sequence: sequence(1004),
      time: micros(START + 5),
      disk: diskIndex(1),
      blocks: Uint32Array.of(0, 1, 4_294_967_295),
      digests: bytesOf("digests", 96),
    },
    {
      kind: "barrier",
      id: BARRIER,
      sequence: sequence(1004),
      time: micros(START + 5),
      consistency: "application",
    },
    {
      kind: "proof",
      barrier: BARRIER,
      sequence: sequence(1004),
      time: micros(START + 7),
      roots: [{ disk: diskIndex(0), size: bytes(4 * GIB), root: digestOf(bytesOf("root 0", 32).toString("hex")) }],
    },
  ],
];

/** @param parts as they were sealed */
export const layerOf = (parts: Layer["parts"]): Layer => ({
  format: 1,
  machine: MACHINE,
  generation: GENERATION,
  build: BUILD,
  made: micros(START + 2_000_000),
  begin: {
    id: BEGIN,
    sequence: sequence(1002),
    position: { ...positionOf(BEGIN_CHAIN), next: ordinal(1), sequence: sequence(1002) },
  },
  end: { id: BARRIER, sequence: sequence(1004), position: positionOf(LAYER_SPAN.chain) },
  tail: { ...positionOf(BEGIN_CHAIN), next: ordinal(2), sequence: sequence(1003) },
  earliest: micros(START + 1003),
  latest: micros(START + 1004),
  parts,
});

function data(at: number, disk: number, offset: number, content: Buffer): JournalRecord {
  return {
    kind: "data",
    sequence: sequence(at),
    time: micros(START + at),
    disk: diskIndex(disk),
    offset: bytes(offset),
    data: content,
  };
}

/** Bytes without a pattern, always the same for one seed. */
function bytesOf(seed: string, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash("sha256").update(`${seed} ${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}
