import { hash } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { type BarrierId, barrierId, uuidOf } from "../core/ids.ts";
import { BLOCK } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { Layer } from "../journal/layer-document.ts";
import { checkLayerPart, openLayerPart } from "../journal/layer.ts";
import { workRunName } from "../journal/names.ts";
import type { JournalRecord, WriteRecord } from "../journal/record.ts";
import type { Sorted, Work } from "../journal/work-document.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { AddressSpace } from "./address-space.ts";
import { layerNamed, readPart } from "./layers.ts";
import { isWrite, lengthOf } from "./merge.ts";
import { rereading } from "./reread.ts";
import { type Placed, SortedStream } from "./sorted-stream.ts";

export interface PlacedWrite extends Placed {
  readonly record: WriteRecord;
}

interface PlacedDigest extends Placed {
  readonly digest: Uint8Array;
}

/** One of those that are merged. */
export interface SortedSource {
  readonly writes: SortedStream<PlacedWrite>;
  readonly digests: SortedStream<PlacedDigest>;
  readonly below: boolean;
}

export interface SourcesPlace {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly work: Work;
  readonly space: AddressSpace;
}

type Kind = "writes" | "marks";
type Read = (kind: Kind, part: number) => Promise<JournalRecord[]>;

/** @param at where it was left: parts, and the address */
export async function openSource(
  s: SourcesPlace,
  source: Sorted,
  at: { readonly writes: number; readonly marks: number; readonly from: number },
): Promise<SortedSource> {
  const { space } = s;
  const { writes, marks, read } =
    source.kind === "run" ? runParts(s, source) : await layerParts(s, source.name);
  const { below } = source;
  const name = source.kind === "run" ? `run ${source.run} of build ${s.work.build}` : source.name;
  return {
    below,
    writes: new SortedStream({
      name,
      parts: below ? 0 : writes,
      read: async (part) =>
        (await read("writes", part))
          .filter(isWrite)
          .filter(({ disk }) => space.has(disk))
          .map((one) => writeAt(space, one)),
      at: { from: at.from, part: at.writes },
    }),
    digests: new SortedStream({
      name,
      parts: marks,
      read: async (part) => (await read("marks", part)).flatMap((one) => digestsAt(space, one)),
      at: { from: at.from, part: at.marks },
    }),
  };
}

function writeAt(space: AddressSpace, record: WriteRecord): PlacedWrite {
  const from = space.addressOf(record.disk, record.offset);
  return { from, to: from + lengthOf(record), record };
}

function digestsAt(space: AddressSpace, record: JournalRecord): PlacedDigest[] {
  if (record.kind !== "digests" || !space.has(record.disk)) return [];
  return [...record.blocks].map((block, i) => {
    const from = space.addressOf(record.disk, block * BLOCK);
    return { from, to: from + 1, digest: record.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES) };
  });
}

interface Parts {
  readonly writes: number;
  readonly marks: number;
  readonly read: Read;
}

async function layerParts({ objects, key }: SourcesPlace, name: string): Promise<Parts> {
  const layer: Layer = await layerNamed(objects, name);
  const numbers = (marks: boolean) => layer.parts.flatMap((part, n) => (part.marks === marks ? [n] : []));
  const places = { writes: numbers(false), marks: numbers(true) };
  return {
    writes: places.writes.length,
    marks: places.marks.length,
    read: async (kind, part) =>
      openLayerPart(await readPart(objects, layer, places[kind][part] ?? layer.parts.length), key),
  };
}

const runParts = (
  { objects, key, work }: SourcesPlace,
  { run, writes, marks }: Extract<Sorted, { kind: "run" }>,
): Parts => ({
  writes,
  marks,
  read: async (kind, part) => {
    const name = workRunName(work, run, kind, part);
    const found = await rereading(async () => {
      const object = await objects.get(name, "unchecked");
      if (!object) throw new LeewardError("LayerDamaged", `${name} is gone`);
      const checked = checkLayerPart(object.body);
      if (checked.header.build === runBuild(work.build, run, kind) && checked.header.part === part)
        return checked;
      throw new LeewardError("LayerDamaged", `${name} is a part of something else`);
    });
    return openLayerPart(found, key);
  },
});

/** What the parts of a run name as their build: bound to it, so that parts of two runs never pass for each other's. */
export const runBuild = (build: BarrierId, run: number, kind: Kind): BarrierId =>
  barrierId(uuidOf(hash("sha256", `${build} ${run} ${kind}`, "buffer")));
