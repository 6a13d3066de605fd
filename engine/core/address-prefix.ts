import { BlockList, isIP } from "node:net";

/**
 * What an address space lacks for subnets of these prefixes: of what is offered the prefix around each, as long as it
 * overlaps with nothing that the space has, which Azure refuses; otherwise the subnet's own prefix.
 */
export function lackingPrefixes(
  space: readonly string[],
  subnets: readonly string[],
  offered: readonly string[],
): string[] {
  const added: string[] = [];
  for (const subnet of subnets) {
    const has = [...space, ...added];
    if (has.some((prefix) => contains(prefix, subnet))) continue;
    const around = offered.find((prefix) => contains(prefix, subnet));
    added.push(around && !has.some((prefix) => overlaps(prefix, around)) ? around : subnet);
  }
  return added;
}

const overlaps = (a: string, b: string): boolean => contains(a, b) || contains(b, a);

/** Of two blocks of either family; false for what is none. */
function contains(outer: string, inner: string): boolean {
  const [a, b] = [blockOf(outer), blockOf(inner)];
  if (!a || !b || a.family !== b.family || a.bits > b.bits) return false;
  const list = new BlockList();
  list.addSubnet(a.address, a.bits, a.family);
  return list.check(b.address, b.family);
}

function blockOf(prefix: string) {
  const [address = "", digits = ""] = prefix.split("/");
  const version = isIP(address);
  const bits = Number(digits);
  if (version === 0 || !/^\d{1,3}$/.test(digits) || bits > (version === 4 ? 32 : 128)) return undefined;
  return { address, bits, family: version === 4 ? ("ipv4" as const) : ("ipv6" as const) };
}
