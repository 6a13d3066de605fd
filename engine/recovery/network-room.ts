import { lackingPrefixes } from "../core/address-prefix.ts";

interface Space {
  readonly addressPrefixes: readonly string[];
}

/** What a network of the source has. */
export interface SourceSpace extends Space {
  readonly subnets: readonly { readonly name: string; readonly prefixes: readonly string[] }[];
}

/** What its copy has, as it is now. */
export interface CopySpace extends Space {
  /** All of them, by name. */
  readonly subnetNames: readonly string[];
}

/**
 * Which of the wanted subnets a copy that is there lacks, in the source's order, and the prefixes that its address space needs
 * for them.
 */
export function lackingIn(
  copy: CopySpace,
  source: SourceSpace,
  wanted: readonly string[],
): { readonly addressPrefixes: readonly string[]; readonly subnets: readonly string[] } {
  const isIn = (names: readonly string[], name: string) =>
    names.some((one) => one.toLowerCase() === name.toLowerCase());
  const missing = source.subnets.filter(({ name }) => isIn(wanted, name) && !isIn(copy.subnetNames, name));
  return {
    addressPrefixes: lackingPrefixes(
      copy.addressPrefixes,
      missing.flatMap(({ prefixes }) => prefixes),
      source.addressPrefixes,
    ),
    subnets: missing.map(({ name }) => name),
  };
}
