import { LeewardError } from "../core/errors.ts";
import type { ArmId, OperationId } from "../core/ids.ts";
import { type Generation, type Micros, type Sequence, generation } from "../core/units.ts";
import {
  type ItemRecord,
  type SourceMachine,
  type TargetMachine,
  lastSegment,
  move,
  sourceOf,
} from "./item.ts";
import { type Asked, nextJob } from "./begin.ts";
import { operationFor } from "./job.ts";
import type { ReversalWish } from "./reversal-record.ts";
import { STATES } from "./state.ts";
import type { ProtectionRequest } from "./protection-request.ts";

/*
 * A machine that was failed over is protected towards the region that it came from. Each direction has its records, its
 * journal and its accounts in the region that it leads to, so the turn is two writes, in two places: the side that had the
 * machine gives it away, then the other one takes it over. Between the two nobody may replicate it. The number of the first
 * generation goes along: what either side ever wrote is older.
 */

/** What the giving side writes down. */
export interface Turn {
  /** The failover whose machine is to be protected: a call that comes late, behind the next failover, is none of that one. */
  readonly failover: OperationId;
  /** The region that takes the machine over. */
  readonly to: string;
  /** The last write of this direction that anybody knows of. */
  readonly sequence: Sequence;
  /** The item's id from then on, and what was asked for with the turn. */
  readonly id?: ArmId | undefined;
  readonly asked?: ReversalWish | undefined;
  readonly now: Micros;
}

/**
 * The item once it is given away: whatever of this direction wakes up finds its journal closed, as it was since the
 * failover. May come twice.
 * @throws StateNotAllowed when it is not failed over, or by another failover
 */
export function beginReversal(old: ItemRecord, { failover, to, sequence, id, asked, now }: Turn): ItemRecord {
  // Its commit is a later job.
  if ((old.failover?.operation ?? old.job.operation) !== failover)
    throw notAllowed(old, `${failover} is not the failover that it was moved by`);
  if (old.state === "Reversed" && old.reversal) return old;
  const from = sourceOf(old).region;
  if (from !== to) throw notAllowed(old, `it was failed over from ${from}, not from ${to}`);
  return {
    ...move(old, "reverse"),
    reversal: {
      to,
      generation: generation(old.generation + 1),
      sequence,
      at: now,
      ...(id && { id }),
      ...(asked && { asked }),
    },
  };
}

/** What the taking side knows of the machine as it runs now, and where it is to be built next time. */
export interface Terms {
  readonly source: SourceMachine;
  readonly target: TargetMachine;
  /** The machine that runs now, and how it is to be built; as the giving side has them when left out. */
  readonly vmId?: ArmId | undefined;
  readonly request?: ProtectionRequest | undefined;
  /** What the machine will have otherwise than before, in words. */
  readonly changes?: readonly string[] | undefined;
  readonly now: Micros;
}

/**
 * The item of the taking side, which replicates nothing before the old disks are a base. May come twice, and late.
 * @param own what this side has of the machine: from before it gave it away, if it ever had it
 * @throws StateNotAllowed when the other side has not given the machine away; InvalidRequest for other disks
 */
export function takeOver(own: ItemRecord | undefined, given: ItemRecord, terms: Terms): ItemRecord {
  const { reversal } = given;
  if (given.state !== "Reversed" || !reversal)
    throw notAllowed(given, "it was not given to the other direction");
  if (own && own.machine !== given.machine)
    throw new LeewardError("Conflict", `${given.machine} cannot be told from ${own.machine} here`);
  if (own && own.generation >= reversal.generation) return own;
  if (own && own.state !== "Reversed") throw notAllowed(own, "this side has it already");
  checkDisks(given, terms);
  const { policyId, recoveryContainerId, policy } = reversal.asked ?? {};
  const {
    failover: _,
    failure: __,
    resync: ___,
    group: ____,
    test: _____,
    drills: ______,
    ...kept
  } = own ?? given;
  // Whatever was changed on the other side since holds here as well.
  const settings = { policy: policy ?? given.policy, ownPolicy: given.ownPolicy };
  return {
    ...kept,
    ...settings,
    id: reversal.id ?? kept.id,
    policyId: policyId ?? given.policyId,
    recoveryContainerId: recoveryContainerId ?? kept.recoveryContainerId,
    state: "Reversing",
    generation: reversal.generation,
    reversal,
    former: {
      vmId: given.vmId,
      generation: reversal.generation,
      disks: sourceOf(given).disks.map(({ index, id, size }) => ({ index, id, size })),
    },
    ...(terms.vmId && { vmId: terms.vmId }),
    ...(terms.request && { request: terms.request }),
    source: terms.source,
    target: terms.target,
    job: {
      operation: operationOf(given),
      kind: "reverse",
      startTime: terms.now,
      ended: false,
      ...(terms.changes && { changes: [...terms.changes] }),
    },
  };
}

/** The job of the side that takes it over, however often it is asked to. @throws StateNotAllowed when it was not given away */
export function operationOf(given: ItemRecord): OperationId {
  const { reversal, id } = given;
  if (!reversal) throw notAllowed(given, "it was not given to the other direction");
  return operationFor(
    reversal.id ?? id,
    "reverse",
    reversal.asked?.token ?? `generation ${reversal.generation}`,
  );
}

/** The giving side's item once the other one has said that it has the machine. */
export const acknowledged = (old: ItemRecord, operation: OperationId): ItemRecord =>
  old.state === "Reversed" && old.reversal && !old.reversal.operation
    ? { ...old, reversal: { ...old.reversal, operation } }
    : old;

/** The taking side's item once what failed is tried again. @throws Conflict, StateNotAllowed */
export function beginAgain(old: ItemRecord, asked: Asked): ItemRecord {
  if (asked.token && old.job.operation === operationFor(old.id, "reverse", asked.token)) return old;
  const { job, state } = old;
  if (STATES[state].busy)
    throw new LeewardError(
      "Conflict",
      `job ${job.operation} (${job.kind}) is at work on ${lastSegment(old.id)}`,
    );
  if (state !== "ReversalFailed") throw notAllowed(old, "SwitchProtection is not possible");
  // Behind the old disks agents were let in already.
  const { failure: _, ...kept } = move(old, old.reversal ? "takeOver" : "copying");
  const { changes } = job;
  return { ...kept, job: { ...nextJob(old, "reverse", asked), ...(changes && { changes }) } };
}

/** The item once its old disks are a base: agents may register. The number of the base's generation is over. */
export function withSeed(old: ItemRecord, seeded: Generation): ItemRecord {
  if (old.state !== "Reversing" || old.generation !== seeded) return old;
  const { reversal: _, ...rest } = move(old, "copying");
  return { ...rest, generation: generation(seeded + 1) };
}

/** The item once what its base stood on was found unreadable: the old disks are read into another generation. */
export const seededAnew = (old: ItemRecord, refused: Generation): ItemRecord =>
  old.state === "Reversing" && old.generation === refused
    ? { ...old, generation: generation(refused + 1) }
    : old;

function checkDisks(given: ItemRecord, { source }: Terms): void {
  const before = sourceOf(given).disks;
  const same =
    before.length === source.disks.length &&
    before.every(({ index, size }, n) => {
      const disk = source.disks[n];
      return disk?.index === index && disk.size === size;
    });
  if (!same)
    throw new LeewardError(
      "InvalidRequest",
      `${lastSegment(given.id)}: its disks are not those that it was protected with`,
    );
}

/** The other side has it, and has said so: here it is shown nowhere, and what is kept of it stays. */
export const isGivenAway = ({ state, removal, reversal }: ItemRecord): boolean =>
  reversal?.operation !== undefined && (state === "Reversed" || removal?.from === "Reversed");

const notAllowed = (item: ItemRecord, why: string): LeewardError =>
  new LeewardError("StateNotAllowed", `${lastSegment(item.id)} is ${item.state}: ${why}`);
