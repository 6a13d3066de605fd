/** Azure keeps the first four addresses of a subnet and the last one: network, gateway, two for its DNS, broadcast. */
const KEPT_FIRST = 4;
const KEPT_LAST = 1;

/**
 * Why a machine cannot have this IPv4 address in a subnet of these prefixes, whoever else is in it: the address is in none
 * of them, or Azure keeps it to itself. Undefined when it can.
 */
export function whyNotIn(address: string, prefixes: readonly string[]): string | undefined {
  const wanted = numberOf(address);
  if (wanted === undefined) return `${address} is no IPv4 address`;
  const around = prefixes.map(rangeOf).find((range) => range && wanted >= range.first && wanted < range.end);
  if (!around) return `${address} is not in ${prefixes.join(", ")}`;
  const free = wanted >= around.first + KEPT_FIRST && wanted < around.end - KEPT_LAST;
  return free ? undefined : `Azure keeps ${address} of ${prefixes.join(", ")} to itself`;
}

/** [first, end); undefined for an IPv6 prefix. */
function rangeOf(prefix: string): { readonly first: number; readonly end: number } | undefined {
  const [text = "", bits = ""] = prefix.split("/");
  const address = numberOf(text);
  if (address === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  const size = 2 ** (32 - Number(bits));
  const first = address - (address % size);
  return { first, end: first + size };
}

function numberOf(text: string): number | undefined {
  const parts = text.split(".");
  const wrong = parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255);
  return wrong ? undefined : parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}
