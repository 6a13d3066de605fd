import fc from "fast-check";
import { expect, test } from "vitest";
import { checkVhdFooter, vhdFooter } from "../../../../engine/azure/vhd-footer.ts";
import { GIB, MIB, bytes } from "../../../../engine/core/units.ts";

const ID = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const blobOf = (size: number) => bytes(size + 512);

/** `qemu-img create -f vpc -o subformat=fixed,force_size=on x.vhd 1G`, its first 84 bytes of footer. */
const QEMU = Buffer.from(
  "636f6e6563746978000000020001000" +
    "0ffffffffffffffff3294dd9571656d3200050003576932" +
    "6b00000000400000000000000040000000ffff10ff00000002ffffe4fa08dbb2e8ca2940cba322112611c79429",
  "hex",
);
/** Time stamp, creator and its version, checksum and id may differ. */
const OWN: readonly [number, number][] = [
  [24, 36],
  [64, 84],
];

test("a footer is the one that qemu-img writes for the same disk, but for time, creator and id", () => {
  const footer = vhdFooter(bytes(GIB), ID);
  const common = (from: Buffer) => {
    const copy = Buffer.from(from.subarray(0, QEMU.length));
    for (const [start, end] of OWN) copy.fill(0, start, end);
    return copy.toString("hex");
  };
  expect(common(footer)).toBe(common(QEMU));
  expect(footer.subarray(68, 84)).toEqual(ID);
  expect(footer.subarray(84).every((byte) => byte === 0)).toBe(true);
});

test("the footer of qemu-img passes the check", () => {
  const footer = Buffer.concat([QEMU, Buffer.alloc(512 - QEMU.length)]);
  expect(() => checkVhdFooter(footer, blobOf(GIB))).not.toThrow();
});

test("every footer passes its own check", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 * 1024 * 1024 }), (mib) => {
      const size = bytes(mib * MIB);
      expect(() => checkVhdFooter(vhdFooter(size, ID), blobOf(size))).not.toThrow();
    }),
  );
});

test("any one changed byte is noticed", () => {
  const good = vhdFooter(bytes(64 * MIB), ID);
  fc.assert(
    fc.property(fc.nat(511), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(good);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      expect(() => checkVhdFooter(damaged, blobOf(64 * MIB))).toThrow(/VHD|footer/);
    }),
  );
});

test("zeros where the footer should be are refused in Azure's words", () => {
  expect(() => checkVhdFooter(Buffer.alloc(512), blobOf(MIB))).toThrow(/cookie value 'conectix'/);
});

test("a footer of a disk of another size is refused", () => {
  expect(() => checkVhdFooter(vhdFooter(bytes(2 * MIB), ID), blobOf(MIB))).toThrow(/2097152 bytes/);
});

test("disks that are not whole MiB have no footer", () => {
  expect(() => vhdFooter(bytes(MIB + 512), ID)).toThrow(RangeError);
  expect(() => vhdFooter(bytes(0), ID)).toThrow(RangeError);
});
