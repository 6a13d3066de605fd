import { createHash } from "node:crypto";
import { type Owner, isOwned } from "../core/owner.ts";
import { type ArmId, armId, resourceTypeOf, sameArmId } from "../core/ids.ts";
import { lastSegment } from "./item.ts";
import type { CopySpace } from "./network-room.ts";

/** What stands in the target under an id. */
export interface Present {
  readonly tags: Readonly<Record<string, string>>;
  readonly location?: string;
  /** The proximity placement group that it is in. */
  readonly proximityGroup?: ArmId;
  /** Of a network: subnets that machines can be in. */
  readonly subnets?: readonly string[];
  /** Of a network: its address space, and all its subnets. */
  readonly space?: CopySpace;
}

/** What is known of the target; undefined when nothing is there. */
export type There = (id: ArmId) => Present | undefined;

export interface CopyKind {
  /** As Azure spells it. */
  readonly type: string;
  /** The most characters of a name. */
  readonly most: number;
  readonly role: string;
}

/** What the copy of a source is called. */
export interface ChosenName {
  readonly source: ArmId;
  readonly name: string;
}

export const KINDS = {
  network: { type: "Microsoft.Network/virtualNetworks", most: 64, role: "network" },
  securityGroup: { type: "Microsoft.Network/networkSecurityGroups", most: 80, role: "security-group" },
  applicationGroup: {
    type: "Microsoft.Network/applicationSecurityGroups",
    most: 80,
    role: "application-group",
  },
  availabilitySet: { type: "Microsoft.Compute/availabilitySets", most: 80, role: "availability" },
} as const satisfies Record<string, CopyKind>;

/** In the tag of what is like a resource of the source. */
const sourceMark = (source: ArmId): string =>
  createHash("sha256").update(source.toLowerCase()).digest("hex").slice(0, 16);

export const copyOwner = ({ role }: CopyKind, source: ArmId): Owner => ({
  machine: "shared",
  role,
  source: sourceMark(source),
});

/**
 * Gives the ids of copies in a group: `<name>-recovery`, or, where that is somebody else's or stands for another source, a
 * longer one with eight digits of the source's id. Which one it is depends on what is there and on the order of the calls
 * alone: what was made once is found again.
 * @param home of which source something is, or is to be, the copy, as far as that is written down
 * @param chosen by the caller, in place of such names
 */
export function copyNames(
  group: ArmId,
  there: There,
  home: (copy: ArmId) => ArmId | undefined,
  chosen: readonly ChosenName[] = [],
): (kind: CopyKind, source: ArmId) => ArmId {
  const given = new Map<string, string>();
  for (const { source, name } of chosen)
    given.set(`${group}/providers/${resourceTypeOf(source)}/${name}`.toLowerCase(), source.toLowerCase());
  return (kind, source) => {
    const asked = chosen.find((one) => sameArmId(one.source, source));
    if (asked) return named(group, kind, asked.name);
    const plain = named(group, kind, `${lastSegment(source)}${SUFFIX}`);
    const marked = named(
      group,
      kind,
      `${lastSegment(source).slice(0, kind.most - SUFFIX.length - 9)}-${sourceMark(source).slice(0, 8)}${SUFFIX}`,
    );
    const found = there(plain);
    const before = given.get(plain.toLowerCase());
    const free =
      lastSegment(plain).length <= kind.most &&
      (before === undefined || before === source.toLowerCase()) &&
      sameArmId(home(plain) ?? source, source) &&
      (!found || isOwned(found.tags, copyOwner(kind, source)));
    if (free) given.set(plain.toLowerCase(), source.toLowerCase());
    return free ? plain : marked;
  };
}

const SUFFIX = "-recovery";

const named = (group: ArmId, { type }: CopyKind, name: string): ArmId =>
  armId(`${group}/providers/${type}/${name}`);
