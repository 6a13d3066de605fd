import fc from "fast-check";
import { expect, test } from "vitest";
import { bodyLength, decodeBody, encodeBody } from "../../../../engine/journal/body.ts";
import type { JournalRecord } from "../../../../engine/journal/record.ts";
import type { SegmentContent } from "../../../../engine/journal/seal.ts";
import { anyContent } from "./arbitrary.ts";

function bodyOf(from: SegmentContent["from"], records: readonly JournalRecord[]): Buffer {
  const body = Buffer.alloc(bodyLength(records), 0xaa);
  encodeBody(from, records, body);
  return body;
}

/** What a changed body decodes to, encoded again; undefined when it is refused. */
function again(from: SegmentContent["from"], count: number, body: Buffer): Buffer | undefined {
  try {
    return bodyOf(from, decodeBody(from, count, body));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

test("there is one body for given records, and every other is refused or means something else", () => {
  const change = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 2,
  });
  fc.assert(
    fc.property(anyContent, change, ({ from, records }, changes) => {
      const body = bodyOf(from, records);
      for (const [at, value] of changes) if (body.length > 0) body.writeUInt8(value, at % body.length);
      expect([body, undefined]).toContainEqual(again(from, records.length, body));
    }),
    { numRuns: 1000 },
  );
});

test("every byte of marks counts", () => {
  const marks = anyContent.map(({ from, records }) => ({
    from,
    records: records.filter(({ kind }) => kind !== "data" && kind !== "zero").slice(0, 2),
  }));
  fc.assert(
    fc.property(marks, fc.integer({ min: 1, max: 255 }), ({ from, records }, mask) => {
      const body = bodyOf(from, records);
      for (let at = 0; at < body.length; at++) {
        const changed = Buffer.from(body);
        changed.writeUInt8((body[at] ?? 0) ^ mask, at);
        const found = again(from, records.length, changed);
        expect(found === undefined || found.equals(changed), `byte ${at}`).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test("bodies cut short or made longer are refused", () => {
  fc.assert(
    fc.property(anyContent, fc.integer({ min: 1, max: 300 }), ({ from, records }, by) => {
      const body = bodyOf(from, records);
      expect(again(from, records.length, Buffer.concat([body, Buffer.alloc(by)]))).toBeUndefined();
      fc.pre(body.length > 0);
      expect(again(from, records.length, body.subarray(0, -Math.min(by, body.length)))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
