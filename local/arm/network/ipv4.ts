import { ArmError } from "../arm-error.ts";

/** Addresses of a CIDR block as numbers, [first, end). */
export interface Block {
  readonly first: number;
  readonly end: number;
}

/** Azure keeps the first four addresses of a subnet and the last one. */
const KEPT_FIRST = 4;
const KEPT_LAST = 1;

/** @throws ArmError 400 when it is no block with a zero host part. */
export function blockOf(prefix: string): Block {
  const [text = "", bits = ""] = prefix.split("/");
  const first = addressOf(text);
  const size = 2 ** (32 - Number(bits));
  if (first === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32 || first % size !== 0)
    throw new ArmError(
      400,
      "InvalidCIDRNotation",
      `The address prefix ${prefix} has an invalid CIDR notation.`,
    );
  return { first, end: first + size };
}

export const within = (inner: Block, outer: Block): boolean =>
  inner.first >= outer.first && inner.end <= outer.end;

export const overlap = (a: Block, b: Block): boolean => a.first < b.end && b.first < a.end;

/** What hosts may have. */
export const usable = (block: Block): Block => ({
  first: block.first + KEPT_FIRST,
  end: block.end - KEPT_LAST,
});

export function addressOf(text: string): number | undefined {
  const parts = text.split(".");
  const wrong = parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255);
  return wrong ? undefined : parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const textOf = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
