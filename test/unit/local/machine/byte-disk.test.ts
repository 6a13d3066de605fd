import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteDisk } from "../../../../local/machine/byte-disk.ts";
import { RecordingDevice } from "./recording-device.ts";

const SIZE = 24 * 512;
const range = fc
  .tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 3000 }))
  .map(([offset, length]) => ({ offset, length: Math.min(length, SIZE - offset) }));
const step = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), range, fill: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("append" as const), length: fc.integer({ min: 1, max: 2000 }) }),
  fc.record({ kind: fc.constant("read" as const), range }),
  fc.record({ kind: fc.constant("sync" as const) }),
);

test("any mix of writes, reads and syncs reads as plain memory does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const device = new RecordingDevice(Buffer.alloc(SIZE, 0xaa));
      const model = Buffer.alloc(SIZE, 0xaa);
      const disk = new ByteDisk(device);
      let end = 0;
      const write = (offset: number, data: Buffer) => {
        disk.write(offset, data);
        data.copy(model, offset);
        end = offset + data.length;
      };
      const seen: Buffer[] = [];
      const wanted: Buffer[] = [];
      for (const next of steps) {
        if (next.kind === "write") write(next.range.offset, Buffer.alloc(next.range.length, next.fill));
        if (next.kind === "append" && end + next.length <= SIZE) write(end, Buffer.alloc(next.length, 7));
        if (next.kind === "read") {
          const { offset, length } = next.range;
          seen.push(await disk.read(offset, length));
          wanted.push(Buffer.from(model.subarray(offset, offset + length)));
        }
        if (next.kind === "sync") {
          await disk.sync();
          seen.push(Buffer.from(device.content));
          wanted.push(Buffer.from(model));
        }
      }
      await disk.sync();
      expect(seen).toEqual(wanted);
      expect(device.content).toEqual(model);
      expect(device.events.at(-1)).toBe("flush");
    }),
    { numRuns: 100 },
  );
});

test("writes that follow each other reach the disk as one", async () => {
  const device = new RecordingDevice(Buffer.alloc(SIZE));
  const disk = new ByteDisk(device);
  for (let offset = 0; offset < 4120; offset += 103) disk.write(offset, Buffer.alloc(103, 1));
  await disk.sync();
  expect(device.events.length).toBe(2);
});

test("after a failed write nothing succeeds any more", async () => {
  const device = new RecordingDevice(Buffer.alloc(SIZE));
  const disk = new ByteDisk(device);
  disk.write(SIZE, Buffer.alloc(512));
  await expect(disk.sync()).rejects.toThrow("bytes at");
  disk.write(0, Buffer.alloc(512));
  await expect(disk.sync()).rejects.toThrow("bytes at");
  await expect(disk.read(0, 1)).rejects.toThrow("bytes at");
  expect(device.events).toEqual([]);
});
