import fc from "fast-check";
import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import { decodeManifest, encodeManifest } from "../../../../engine/journal/manifest.ts";
import { decodeRegister, encodeRegister } from "../../../../engine/journal/register.ts";
import { decodeWork, encodeWork } from "../../../../engine/journal/work-document.ts";
import { createCheckpoint, readCheckpoint } from "../../../../engine/replication/checkpoints.ts";
import { readDoom, writeDoom } from "../../../../engine/replication/doom.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { snapshotId } from "../../../../engine/storage/store.ts";
import { CHECKPOINT_2, MANIFEST_2, WORK_1 } from "../../../golden/documents.ts";
import { MACHINE } from "../journal/arbitrary.ts";

const number = fc.maxSafeNat();
const time = number.map(micros);
const id = fc.uuid().map(barrierId);
const of = fc.integer({ min: 1, max: 999_999 }).map(generation);
const name = fc.string({ minLength: 1, maxLength: 200 });

test("a list of points is what was put in", () => {
  const points = fc.array(fc.record({ id, sequence: number.map(sequence) }));
  fc.assert(
    fc.property(of, points, (its, listed) => {
      const made = { format: 1 as const, machine: MACHINE, generation: its, points: listed };
      expect(decodeRegister("r", encodeRegister(made))).toEqual(made);
    }),
  );
});

test("a manifest that was made again is what was put in", () => {
  fc.assert(
    fc.property(id, name, time, (barrier, disk, at) => {
      const [first] = MANIFEST_2.disks;
      const disks = first ? [{ ...first, name: disk }] : [];
      const made = { ...MANIFEST_2, id: barrier, time: at, disks };
      expect(decodeManifest(encodeManifest(made))).toEqual(made);
    }),
  );
});

test("a work is what was put in", () => {
  fc.assert(
    fc.property(time, name, number, fc.array(id), (touched, layer, left, later) => {
      const legs = WORK_1.legs.map((leg) => ({
        ...leg,
        later,
        rest: [{ kind: "layer" as const, name: layer, left }],
      }));
      const made = { ...WORK_1, touched, legs };
      expect(decodeWork("w", encodeWork(made))).toEqual(made);
    }),
  );
});

test("what is to be deleted is what was put in, from either copy", async () => {
  const layers = fc.array(fc.record({ name, since: time }));
  const segments = fc.array(
    fc.record({ below: fc.integer({ min: 0, max: 999_999_999_999 }).map(ordinal), since: time }),
  );
  await fc.assert(
    fc.asyncProperty(layers, segments, fc.option(time), fc.nat(), async (given, below, since, turn) => {
      const made = {
        format: 2 as const,
        turn,
        layers: given,
        segments: below,
        ...(since !== null && { alone: since }),
      };
      const objects = new MemoryObjectStore();
      const none = { etag: undefined, twinEtag: undefined };
      await writeDoom(objects, MACHINE, generation(1), made, none);
      expect(await readDoom(objects, MACHINE, generation(1))).toMatchObject({ doom: made, spoiled: [] });
    }),
  );
});

test("a checkpoint is what was put in", async () => {
  await fc.assert(
    fc.asyncProperty(id, time, name, async (point, at, snapshot) => {
      const disks = CHECKPOINT_2.disks.map((disk) => ({ ...disk, snapshot: snapshotId(snapshot) }));
      const made = { ...CHECKPOINT_2, id: point, time: at, disks };
      const objects = new MemoryObjectStore();
      await createCheckpoint(objects, made);
      expect(await readCheckpoint(objects, made)).toEqual(made);
    }),
  );
});
