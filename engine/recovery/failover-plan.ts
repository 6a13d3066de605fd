import type { MachineId } from "../core/ids.ts";
import type { DiskIndex, Generation, Sequence } from "../core/units.ts";

/** One thing to do, as data; `orchestrations/failover.ts` does them in order. */
export type FailoverStep =
  /** Brings the replica to exactly the point. */
  | { readonly do: "checkpoint" }
  /** Makes the replica's snapshot a blob of its own, builds a managed disk of it, deletes the blob. */
  | { readonly do: "promote" | "import" | "discard"; readonly disk: DiskIndex }
  /** Creates an empty managed disk that waits for its bytes. */
  | { readonly do: "upload"; readonly disk: DiskIndex }
  /** Rebuilds the point from the journal into all upload disks. */
  | { readonly do: "restore" }
  | { readonly do: "nic"; readonly nic: number }
  | { readonly do: "vm" | "running" };

export interface FailoverFacts {
  readonly machine: MachineId;
  readonly replica: "warm" | "none";
  readonly disks: readonly DiskIndex[];
  readonly nics: number;
  readonly point: { readonly generation: Generation; readonly sequence: Sequence };
  /** What the replica was last brought to. */
  readonly applied?: { readonly generation: Generation; readonly sequence: Sequence };
  /** The point is held by snapshots of the replica. */
  readonly checkpointed: boolean;
}

/**
 * How to build the target. The replica only moves forward: a point that it has not reached yet is reached by one more
 * checkpoint and imported; an older one is imported only if it was a checkpoint itself, and rebuilt from the journal
 * otherwise.
 */
export function planFailover(facts: FailoverFacts): readonly FailoverStep[] {
  const road = roadTo(facts);
  const disks = facts.disks;
  const build: readonly FailoverStep[] =
    road === "import"
      ? [
          ...(facts.checkpointed ? [] : [{ do: "checkpoint" } as const]),
          ...disks.map((disk) => ({ do: "promote", disk }) as const),
          ...disks.map((disk) => ({ do: "import", disk }) as const),
          ...disks.map((disk) => ({ do: "discard", disk }) as const),
        ]
      : [...disks.map((disk) => ({ do: "upload", disk }) as const), { do: "restore" }];
  const nics = Array.from({ length: facts.nics }, (_, nic) => ({ do: "nic", nic }) as const);
  return [...build, ...nics, { do: "vm" }, { do: "running" }];
}

export function roadTo(facts: FailoverFacts): "import" | "upload" {
  if (facts.replica === "none") return "upload";
  return facts.checkpointed || ahead(facts) ? "import" : "upload";
}

function ahead({ point, applied }: FailoverFacts): boolean {
  if (!applied) return true;
  if (point.generation !== applied.generation) return point.generation > applied.generation;
  return point.sequence >= applied.sequence;
}
