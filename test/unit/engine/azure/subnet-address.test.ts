import fc from "fast-check";
import { expect, test } from "vitest";
import { whyNotIn } from "../../../../engine/azure/subnet-address.ts";

test("Azure keeps the first four addresses and the last one", () => {
  const free = [...Array(16).keys()].filter((n) => whyNotIn(`10.1.0.${n}`, ["10.1.0.0/28"]) === undefined);
  expect(free).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(whyNotIn("10.1.0.3", ["10.1.0.0/28"])).toBe("Azure keeps 10.1.0.3 of 10.1.0.0/28 to itself");
});

test("an address outside is told with what the subnet has", () => {
  expect(whyNotIn("10.1.0.16", ["10.1.0.0/28", "10.2.0.0/24"])).toBe(
    "10.1.0.16 is not in 10.1.0.0/28, 10.2.0.0/24",
  );
  expect(whyNotIn("10.2.0.16", ["10.1.0.0/28", "fd00::/64", "10.2.0.0/24"])).toBeUndefined();
});

test("what is no IPv4 address is in no prefix", () => {
  for (const text of ["", "10.1.0", "10.1.0.256", "fd00::7", "10.1.0.4.5", "a.b.c.d"])
    expect(whyNotIn(text, ["0.0.0.0/0", "fd00::/64"])).toBe(`${text} is no IPv4 address`);
});

test("of a prefix of n bits, 2^(32-n) - 5 addresses can be had", () => {
  fc.assert(
    fc.property(fc.integer({ min: 22, max: 29 }), fc.nat(255), (bits, third) => {
      const size = 2 ** (32 - bits);
      const first = third * 256 - ((third * 256) % size);
      const at = (n: number) => `10.9.${Math.floor(n / 256)}.${n % 256}`;
      const all = [...Array(size).keys()].map((n) => at(first + n));
      const free = all.filter((address) => whyNotIn(address, [`${at(first)}/${bits}`]) === undefined);
      expect(free).toHaveLength(size - 5);
    }),
  );
});
