import type { ArmId } from "../core/ids.ts";
import { importName } from "../journal/names.ts";
import { copyDisks } from "./disk-set.ts";
import { type ItemRecord, sourceOf } from "./item.ts";
import { roleIn, targetDisk, targetNic, testGuard } from "./target-names.ts";
import { testOf, testTargetOf } from "./test-target.ts";

/** One thing that a test failover makes. Disks and NICs by their place in the source, as steps of a plan name them. */
export interface TestPart {
  readonly kind: "vm" | "nic" | "disk" | "blob" | "network" | "guard";
  readonly at?: number;
}

export type MadePart =
  /** What its role tag says. */
  | { readonly part: TestPart; readonly id: ArmId; readonly role: string }
  /** A blob of the replica's account, by its name, which nobody else may have. */
  | { readonly part: TestPart; readonly id: string; readonly role?: undefined };

/**
 * Everything that the item's test may have made, in the order in which it is deleted: what uses something goes before it. A network that
 * the user named is none of it.
 */
export function madeBy(item: ItemRecord): MadePart[] {
  const target = testTargetOf(item);
  const { network, chosen } = testOf(item);
  const { machine } = item;
  const { nics } = sourceOf(item);
  const disks = copyDisks(item, { test: true });
  const ours = (part: TestPart, id: ArmId, role: string): MadePart => ({
    part,
    id,
    role,
  });
  const vm = ours({ kind: "vm" }, target.vm, roleIn(target, "vm"));
  const interfaces = nics.map(({ name }, at) =>
    ours({ kind: "nic", at }, targetNic(target, name), roleIn(target, "nic")),
  );
  const built = chosen
    ? disks.map(({ name, index }) =>
        ours({ kind: "disk", at: index }, targetDisk(target, name, chosen.point), roleIn(target, "disk")),
      )
    : [];
  const blobs = chosen
    ? disks.map(({ index }): MadePart => ({
        part: { kind: "blob", at: index },
        id: importName(machine, index, chosen.point, "test"),
      }))
    : [];
  const own =
    network.kind === "named"
      ? []
      : [
          ours({ kind: "network" }, target.network, "test-network"),
          ours({ kind: "guard" }, testGuard(target), "test-guard"),
        ];
  return [vm, ...interfaces, ...built, ...blobs, ...own];
}

/** The part as `madeBy` describes it; undefined when the test makes no such part. */
export const madePart = (item: ItemRecord, { kind, at }: TestPart): MadePart | undefined =>
  madeBy(item).find(({ part }) => part.kind === kind && part.at === at);
