import type { BarrierId } from "../core/ids.ts";
import type { DiskIndex, Generation, Sequence } from "../core/units.ts";

/** How disks are made: imported from the replica, or rebuilt from the journal. */
type Road = "import" | "upload";

/** One thing to do, as data; `orchestrations/failover.ts` does them in order. */
export type FailoverStep =
  /** Brings the replica to exactly the point. */
  | { readonly do: "checkpoint" }
  /** Builds a managed disk of the replica's snapshot. `orUpload`: where that fails it is rebuilt from the journal; older plans lack it. */
  | { readonly do: "import"; readonly disk: DiskIndex; readonly orUpload?: true }
  /** Deletes the blob that the snapshot was made for an import. */
  | { readonly do: "discard"; readonly disk: DiskIndex }
  /** Deletes a disk that an earlier try made in the other way. */
  | { readonly do: "reset"; readonly disk: DiskIndex; readonly road: Road }
  /** Creates an empty managed disk that waits for its bytes. */
  | { readonly do: "upload"; readonly disk: DiskIndex }
  /** Rebuilds the point from the journal into all upload disks. */
  | { readonly do: "restore" }
  | { readonly do: "nic"; readonly nic: number }
  /** Looks whether the region would build it; deletes the VM of an earlier try. */
  | { readonly do: "fit" | "clear" }
  /** Deletes a disk that an earlier try built from another point. */
  | { readonly do: "drop"; readonly disk: DiskIndex; readonly point: BarrierId }
  /** Waits until the VM has started; `running`, of an older Leeward, until it runs. */
  | { readonly do: "vm" | "boot" | "running" }
  /** Makes the network that a test is isolated in, its security group first. */
  | { readonly do: "guard" | "network" };

export interface FailoverFacts {
  readonly replica: "warm" | "none";
  readonly disks: readonly DiskIndex[];
  readonly nics: number;
  readonly point: { readonly generation: Generation; readonly sequence: Sequence };
  /** The newest point that the replica may hold writes of. */
  readonly reserved?: { readonly generation: Generation; readonly sequence: Sequence };
  /** The point is held by snapshots of the replica. */
  readonly checkpointed: boolean;
  /** The failover was tried before. */
  readonly again?: boolean;
  /** Other points that it was tried with. */
  readonly tried?: readonly BarrierId[];
  /** Those points may have had others; `disks` when absent. */
  readonly everyDisk?: readonly DiskIndex[];
}

/**
 * How to build the target. The replica only moves forward: a point that it has not reached yet is reached by one more
 * checkpoint and imported; an older one is imported only if it was a checkpoint itself, and rebuilt from the journal
 * otherwise.
 */
export function planFailover(facts: FailoverFacts): readonly FailoverStep[] {
  const road = roadTo(facts);
  const reach: readonly FailoverStep[] =
    road === "import" && !facts.checkpointed ? [{ do: "checkpoint" }] : [];
  const drop = (facts.tried ?? []).flatMap((point) =>
    (facts.everyDisk ?? facts.disks).map((disk) => ({ do: "drop", disk, point }) as const),
  );
  return [...lookingFirst(facts, road), ...reach, ...building(facts, road), ...drop];
}

const lookingFirst = (
  { again, disks }: Pick<FailoverFacts, "again" | "disks">,
  road: Road,
): readonly FailoverStep[] =>
  again
    ? [{ do: "fit" }, { do: "clear" }, ...disks.map((disk) => ({ do: "reset", disk, road }) as const)]
    : [{ do: "fit" }];

/** What a test failover is planned by: it leaves the replica where it is. */
export interface TestFacts extends Pick<FailoverFacts, "replica" | "disks" | "nics" | "checkpointed"> {
  /** The network is made for the test. */
  readonly ownNetwork: boolean;
  /** An earlier try failed. */
  readonly again?: boolean;
}

/** How to build a test: from a checkpoint that is there, otherwise from the journal. */
export function planTest(facts: TestFacts): readonly FailoverStep[] {
  const isolated: readonly FailoverStep[] = facts.ownNetwork ? [{ do: "guard" }, { do: "network" }] : [];
  const road = testRoadTo(facts);
  return [...lookingFirst(facts, road), ...isolated, ...building(facts, road)];
}

export const testRoadTo = ({ replica, checkpointed }: TestFacts): Road =>
  replica === "warm" && checkpointed ? "import" : "upload";

/** Everything behind the replica: disks and NICs, then the machine. */
function building(
  { disks, nics: count }: Pick<FailoverFacts, "disks" | "nics">,
  road: Road,
): readonly FailoverStep[] {
  const each = <Do extends "upload" | "discard">(what: Do) =>
    disks.map((disk) => ({ do: what, disk }) as const);
  const imports = disks.map((disk) => ({ do: "import", disk, orUpload: true }) as const);
  const nics = Array.from({ length: count }, (_, nic) => ({ do: "nic", nic }) as const);
  const start: readonly FailoverStep[] = [{ do: "vm" }, { do: "boot" }];
  if (road === "upload") return [...each("upload"), ...nics, { do: "restore" }, ...start];
  return [...imports, ...nics, ...start, ...each("discard")];
}

export function roadTo(facts: FailoverFacts): Road {
  if (facts.replica === "none") return "upload";
  return facts.checkpointed || ahead(facts) ? "import" : "upload";
}

function ahead({ point, reserved }: FailoverFacts): boolean {
  if (!reserved) return true;
  if (point.generation !== reserved.generation) return point.generation > reserved.generation;
  return point.sequence >= reserved.sequence;
}
