import { createHash } from "node:crypto";
import { NO_DIGEST, digestOf } from "../../engine/core/digest.ts";
import { barrierId } from "../../engine/core/ids.ts";
import { GIB, MIB, bytes, diskIndex, micros, ordinal, sequence } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import type { Rebuild } from "../../engine/journal/rebuild-document.ts";
import type { Register } from "../../engine/journal/register.ts";
import type { Verification } from "../../engine/journal/verification-document.ts";
import type { Work } from "../../engine/journal/work-document.ts";
import type { Checkpoint } from "../../engine/replication/checkpoints.ts";
import type { Doom } from "../../engine/replication/doom.ts";
import { snapshotId } from "../../engine/storage/store.ts";
import { GENERATION, MACHINE } from "./version-1.ts";

/** What the files of `documents/` say. Never change it: a new format gets a file of its own. */
export const FOLDER = new URL("./documents/", import.meta.url);

const TIME = micros(1_795_000_000_000_000);
const ID = barrierId("0e02b2c3-d479-4372-a567-58cc47f1b0aa");
const OTHER = barrierId("0e02b2c3-d479-4372-a567-58cc47f1b0bb");
const digest = (of: string) => digestOf(createHash("sha256").update(of).digest("hex"));
const position = {
  generation: GENERATION,
  next: ordinal(12),
  chain: digest("chain"),
  sequence: sequence(1005),
  time: TIME,
  bytes: bytes(3 * MIB),
  copied: { writes: 2, bytes: bytes(65_536) },
};
const disks = [
  { index: diskIndex(0), name: "system", size: bytes(4 * GIB), root: digest("root 0") },
  { index: diskIndex(1), name: "data", size: bytes(65_537), root: digest("root 1") },
];
const point = { machine: MACHINE, generation: GENERATION, id: ID, sequence: sequence(1004) };

/** Made again: its losses are not known any more. */
export const MANIFEST_2: RecoveryPoint = {
  format: 2,
  ...point,
  time: TIME,
  consistency: "application",
  position,
  disks,
  losses: null,
};

export const REGISTER_1: Register = {
  format: 1,
  machine: MACHINE,
  generation: GENERATION,
  points: [
    { id: ID, sequence: sequence(1004) },
    { id: OTHER, sequence: sequence(1005) },
  ],
};

export const DOOM_2: Doom = {
  format: 2,
  turn: 7,
  layers: [{ name: "machines/golden/layers/000003/a/b/c.json", since: TIME }],
  segments: [
    { below: ordinal(4), since: TIME },
    { below: ordinal(12), since: micros(TIME + 1) },
  ],
  alone: TIME,
};

/** Up to this point writes may be in the replica. */
export const REACH_2 = { ...point, position, disks };

export const CHECKPOINT_2: Checkpoint = {
  format: 2,
  ...point,
  time: TIME,
  applied: position,
  disks: disks.map(({ index, size }) => ({ index, size, snapshot: snapshotId(`2026-11-22T00:00:0${index}Z`) })),
};

const end = { id: ID, sequence: sequence(1004), position };
const run = { kind: "run", run: 3, level: 1, writes: 4, marks: 1, below: false } as const;

/** With everything that a work may have. */
export const WORK_1: Work = {
  format: 1,
  machine: MACHINE,
  generation: GENERATION,
  build: OTHER,
  made: TIME,
  touched: micros(TIME + 5),
  begin: { id: OTHER, sequence: sequence(900), position: { ...position, next: ordinal(3), chain: NO_DIGEST } },
  end,
  alone: true,
  grounded: false,
  disks: disks.map(({ index, size, root }) => ({ index, size, root })),
  limits: {
    chunk: bytes(256 * MIB),
    runPart: bytes(16 * MIB),
    layerPart: bytes(16 * MIB),
    save: bytes(GIB),
    fanIn: 64,
  },
  total: bytes(3 * GIB),
  done: bytes(GIB),
  journalBytes: bytes(5 * GIB),
  older: { position, tail: position },
  tail: {
    earliest: TIME,
    latest: micros(TIME + 9),
    bytes: bytes(77),
    copied: { writes: 1, bytes: bytes(512) },
    found: position,
    time: TIME,
  },
  barrier: { time: TIME, consistency: "crash" },
  proof: { time: TIME },
  follows: position,
  legs: [
    {
      generation: GENERATION,
      point: ID,
      upTo: sequence(1004),
      above: sequence(900),
      below: false,
      met: true,
      later: [OTHER],
      rest: [
        { kind: "segments", from: position, to: position },
        { kind: "layer", name: "machines/golden/layers/000003/a/b/c.json", left: 2 },
      ],
    },
  ],
  sorted: [run, { kind: "layer", name: "machines/golden/layers/000003/a/b/d.json", below: true }],
  runs: 4,
  merge: {
    first: 0,
    run: 4,
    sources: [{ writes: 1, marks: 0 }],
    from: 4096,
    writes: 2,
    marks: 1,
    parts: [{ size: bytes(1000), digest: digest("part"), marks: false }],
    dataBytes: bytes(900),
    tree: [digest("node")],
  },
  complete: false,
};


/** Half-way through a layer. Blocks 0 and 2 of the system's disk, and all of the other. */
export const REBUILD_1: Rebuild = {
  format: 1,
  machine: MACHINE,
  point: {
    generation: GENERATION,
    id: ID,
    sequence: sequence(1004),
    position,
    time: TIME,
    disks: disks.map(({ index, size }) => ({ index, size })),
  },
  bound: digest("these disks"),
  place: { kind: "layer", generation: GENERATION, build: OTHER, left: 3 },
  left: bytes(GIB),
  written: bytes(3 * 65_536),
  applied: { bytes: bytes(77), copied: { writes: 1, bytes: bytes(512) }, found: position, time: TIME },
  covered: [
    { disk: diskIndex(0), extents: "KLUv/SAKUQAAAICABICABICABA==" },
    { disk: diskIndex(1), extents: "KLUv/SAEIQAAAIGABA==" },
  ],
  complete: false,
};

export const VERIFICATION_1: Verification = {
  format: 1,
  machine: MACHINE,
  point: { generation: GENERATION, id: ID, sequence: sequence(1004), time: TIME, chain: digest("chain") },
  bound: digest("these disks"),
  since: OTHER,
  window: { start: 7, end: 65_538 },
  place: { kind: "layer", generation: GENERATION, build: OTHER, left: 3 },
  wanted: [{ disk: diskIndex(0), extents: "KLUv/SAKUQAAAICABICABICABA==" }],
  deferred: [{ disk: diskIndex(1), extents: "KLUv/SAEIQAAAIGABA==" }],
  partial: { build: barrierId("0e02b2c3-d479-8372-a567-58cc47f1b0cc"), parts: 2 },
  compared: 40_000,
  blocks: 65_538,
};
