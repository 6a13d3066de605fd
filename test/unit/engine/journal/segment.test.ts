import fc from "fast-check";
import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { sequence } from "../../../../engine/core/units.ts";
import { HEADER, HEADER_BYTES, VERSION } from "../../../../engine/journal/header.ts";
import { openSegment } from "../../../../engine/journal/open.ts";
import { sealSegment } from "../../../../engine/journal/seal.ts";
import { TRAILER_BYTES, checkSegment, splitPack, writeTrailer } from "../../../../engine/journal/segment.ts";
import { KEY, OTHER_KEY, anyContent, someContent } from "./arbitrary.ts";

const DAMAGE = ["SegmentDamaged", "SegmentVersionUnknown", "KeyWrong"];

/** The code with which a reader refuses the bytes; anything but a refusal by LeewardError fails the test. */
async function refusal(bytes: Buffer): Promise<string> {
  try {
    const parts = splitPack(bytes);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    for (const part of parts) await openSegment(checkSegment(part), KEY);
  } catch (error) {
    if (error instanceof LeewardError) return error.code;
    throw error;
  }
  return "accepted";
}

test("what is sealed opens to the same records", async () => {
  await fc.assert(
    fc.asyncProperty(anyContent, async (content) => {
      const { bytes } = await sealSegment(content);
      const checked = checkSegment(Buffer.from(bytes));
      const records = await openSegment(checked, KEY);
      expect(records.map(plain)).toEqual(content.records.map(plain));
      for (const field of ["machine", "generation", "ordinal", "previous", "from"] as const)
        expect(checked.header[field]).toBe(content[field]);
    }),
    { numRuns: 600 },
  );
});

/** Views of whatever kind, as comparable values. */
const plain = (record: object) =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? Buffer.from(hexed(value)) : value,
    ]),
  );
const hexed = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

test("the header tells what the records are without the key", async () => {
  const content = someContent({ from: sequence(41) }, 3);
  const { header } = await sealSegment(content);
  expect(header).toMatchObject({ from: 41, to: 44, records: 3, dataBytes: 3 * 4096, marks: false });
  expect([header.firstTime, header.lastTime]).toEqual([content.records[0]?.time, content.records[2]?.time]);
});

test("a segment without writes keeps its sequence and has no times", async () => {
  const { header } = await sealSegment(someContent({ from: sequence(9) }, 0));
  expect(header).toMatchObject({ from: 9, to: 9, firstTime: 0, lastTime: 0, records: 0, dataBytes: 0 });
});

test("guest data is not readable in the stored bytes", async () => {
  const secret = Buffer.from("an order that nobody else may read");
  const content = someContent({}, 1);
  const [first] = content.records;
  if (first?.kind !== "data") throw new Error("no data");
  const { bytes } = await sealSegment({ ...content, records: [{ ...first, data: secret }] });
  expect(bytes.includes(secret)).toBe(false);
});

test("sealing the same content twice gives different bytes: no nonce is used twice", async () => {
  const [a, b] = [await sealSegment(someContent()), await sealSegment(someContent())];
  expect(a.header.nonce.equals(b.header.nonce)).toBe(false);
  expect(a.digest).not.toBe(b.digest);
});

test("another key is refused as another key", async () => {
  const sealed = await sealSegment(someContent());
  await expect(openSegment(sealed, OTHER_KEY)).rejects.toMatchObject({ code: "KeyWrong" });
});

test("every flipped bit is refused", async () => {
  const { bytes } = await sealSegment(someContent({}, 1));
  for (let at = 0; at < bytes.length; at++)
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8((bytes[at] ?? 0) ^ (1 << bit), at);
      expect(DAMAGE, `bit ${bit} of byte ${at}`).toContain(await refusal(damaged));
    }
});

test("a forger who repairs the digest is refused all the same", async () => {
  const { bytes } = await sealSegment(someContent({}, 1));
  for (let at = 0; at < bytes.length - TRAILER_BYTES + 16; at++) {
    const forged = Buffer.from(bytes);
    forged.writeUInt8((bytes[at] ?? 0) ^ 0x01, at);
    writeTrailer(forged);
    expect(DAMAGE, `byte ${at}`).toContain(await refusal(forged));
  }
});

test("every other field of the header is bound by the key", async () => {
  const { bytes } = await sealSegment(someContent());
  const forged = Buffer.from(bytes);
  forged.writeUInt8(0x61, HEADER.machine.at);
  writeTrailer(forged);
  expect(checkSegment(forged).header.machine).toBe("aedger-3f9a01c2");
  expect(await refusal(forged)).toBe("KeyWrong");
});

test("every truncation is refused", async () => {
  const { bytes } = await sealSegment(someContent());
  for (let length = 0; length < bytes.length; length++)
    expect(await refusal(bytes.subarray(0, length)), `${length} bytes`).toBe("SegmentDamaged");
});

test("any damage to any segment is refused and never read as something else", async () => {
  const damage = fc.record({ at: fc.nat(), cut: fc.nat(200), put: fc.uint8Array({ maxLength: 200 }) });
  await fc.assert(
    fc.asyncProperty(anyContent, damage, async (content, { at, cut, put }) => {
      const { bytes } = await sealSegment(content);
      const start = at % (bytes.length + 1);
      const damaged = Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + cut)]);
      expect(await refusal(damaged)).toSatisfy((code: string) =>
        damaged.equals(bytes) ? code === "accepted" : DAMAGE.includes(code),
      );
    }),
    { numRuns: 600 },
  );
});

test("garbage is refused", async () => {
  const headed = fc
    .tuple(fc.uint8Array({ maxLength: 400 }), fc.boolean())
    .map(([tail, known]) =>
      Buffer.concat([
        Buffer.from("LEEWSEG\n"),
        Buffer.from([1, 0, 0, 0, known ? HEADER_BYTES : 1, 0, 0, 0]),
        tail,
      ]),
    );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 600 }).map((raw) => Buffer.from(raw)),
        headed,
      ),
      async (bytes) => {
        expect(["SegmentDamaged", "SegmentVersionUnknown"]).toContain(await refusal(bytes));
      },
    ),
    { numRuns: 2000 },
  );
});

test("a newer version is named and not guessed at", async () => {
  const { bytes } = await sealSegment(someContent());
  bytes.writeUInt16LE(VERSION + 1, HEADER.version.at);
  expect(() => checkSegment(bytes)).toThrow(
    expect.objectContaining({
      code: "SegmentVersionUnknown",
      message: expect.stringContaining(`version ${VERSION + 1}`),
    }),
  );
});

test("an object of several segments splits into exactly those", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyContent, { minLength: 1, maxLength: 4 }), async (contents) => {
      const sealed = await Promise.all(contents.map(sealSegment));
      const parts = splitPack(Buffer.concat(sealed.map(({ bytes }) => bytes)));
      expect(parts.map((part) => checkSegment(part).digest)).toEqual(sealed.map(({ digest }) => digest));
    }),
    { numRuns: 100 },
  );
});

test.each(["a byte less", "a byte more", "an empty object"])("a pack with %s is refused", async (what) => {
  const { bytes } = await sealSegment(someContent());
  const pack = Buffer.concat([bytes, bytes]);
  const wrong = {
    "a byte less": pack.subarray(0, -1),
    "a byte more": Buffer.concat([pack, Buffer.alloc(1)]),
    "an empty object": Buffer.alloc(0),
  }[what];
  expect(wrong).toBeDefined();
  expect(() => splitPack(wrong ?? pack)).toThrow(expect.objectContaining({ code: "SegmentDamaged" }));
});
