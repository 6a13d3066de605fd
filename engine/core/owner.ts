import type { MachineId } from "./ids.ts";

/** Whose a resource is, as its tags say. `shared` marks what several machines use: groups, networks, accounts. */
export interface Owner {
  readonly machine: MachineId | "shared";
  /** What it is for, e.g. `target-disk`; part of the check, so that one role never takes over another's resource. */
  readonly role: string;
  /** What it is a copy of, in few characters: two sources of one name must not share their copy. */
  readonly source?: string;
}

export const ownershipTags = (owner: Owner): Record<string, string> => ({
  "leeward-machine": owner.machine,
  "leeward-role": owner.role,
  ...(owner.source && { [SOURCE]: owner.source }),
});
/** What older versions made has none. */
const SOURCE = "leeward-source";

/** Whether tags are exactly the owner's. */
export const isOwned = (has: Readonly<Record<string, string>>, owner: Owner): boolean =>
  lackingTags(has, owner).length === 0;

/** What the tags lack to be the owner's. */
export const lackingTags = (has: Readonly<Record<string, string>>, owner: Owner): [string, string][] =>
  Object.entries(ownershipTags(owner)).filter(
    ([name, value]) => has[name] !== value && !(name === SOURCE && has[name] === undefined),
  );
