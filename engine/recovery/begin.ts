import { isDeepStrictEqual } from "node:util";
import { LeewardError } from "../core/errors.ts";
import { type ArmId, type BarrierId, type OperationId, sameArmId } from "../core/ids.ts";
import { type Micros, generation } from "../core/units.ts";
import { type ItemRecord, type Removal, lastSegment, machineIdFor, move } from "./item.ts";
import type { ProtectionRequest } from "./protection-request.ts";
import { type ItemJob, isFailover, operationFor } from "./job.ts";
import type { BuildWish } from "./build-wish.ts";
import type { RecoveryPolicy } from "./policy.ts";
import type { ShutDown } from "./shut-down-wish.ts";
import type { WantedMoment } from "./wanted-moment.ts";
import { STATES } from "./state.ts";

/** What a user wants to be protected, and how. */
export interface Wish {
  readonly id: ArmId;
  readonly vmId: ArmId;
  readonly policy: RecoveryPolicy;
  /** What of it the item was given itself, beside a vault's policy. */
  readonly ownPolicy?: Readonly<Record<string, unknown>> | undefined;
  readonly request: ProtectionRequest;
  readonly policyId?: string | undefined;
  readonly recoveryContainerId?: string | undefined;
}

/** When a job was asked for, and the client's own id of the request if it sent one. */
export interface Asked {
  readonly now: Micros;
  readonly token?: string | undefined;
  readonly point?: BarrierId | undefined;
  readonly moment?: WantedMoment | undefined;
  /** Of a failover of a machine that is protected; one that is tried again has its source fenced already. */
  readonly shutDown?: ShutDown | undefined;
  /** How a failover builds. */
  readonly build?: BuildWish | undefined;
}

/**
 * The item once its enablement has begun. A wish that is sent again, or while its job is at work, changes nothing; one that
 * failed is begun again by a new request.
 * @throws Conflict for another VM or other settings; StateNotAllowed after a failover
 */
export function beginEnable(old: ItemRecord | undefined, wish: Wish, asked: Asked): ItemRecord {
  if (!old) return newItem(wish, asked);
  const name = lastSegment(old.id);
  if (!sameArmId(old.id, wish.id))
    throw new LeewardError("Conflict", `${wish.id} cannot be told from ${old.id}: choose another name`);
  if (old.state === "EnableFailed") {
    // The request whose job has ended, once more: it is told how that ended.
    if (asked.token && enablementsOf(old, asked.token).includes(old.job.operation)) return old;
    const { failure: _, ...kept } = move(old, "enable");
    return { ...kept, ...wish, job: nextJob(old, "enable", asked) };
  }
  if (!isSame(old, wish))
    throw new LeewardError("Conflict", `${name} is ${old.state} with another machine or other settings`);
  if (!STATES[old.state].replicating)
    throw new LeewardError("StateNotAllowed", `${name} is ${old.state} and cannot be enabled`);
  return old;
}

/**
 * The item once its failover has begun. The same write fences it: its generation is over, so that neither its agent nor
 * its shipping goes on.
 * @throws Conflict while another job is at work; StateNotAllowed
 */
export function beginFailover(old: ItemRecord, asked: Asked): ItemRecord {
  const name = lastSegment(old.id);
  if (asked.token && old.job.operation === operationFor(old.id, "failover", asked.token)) return old;
  const { busy, allowed } = STATES[old.state];
  if (busy)
    throw new LeewardError("Conflict", `job ${old.job.operation} (${old.job.kind}) is at work on ${name}`);
  if (!allowed.includes("UnplannedFailover"))
    throw new LeewardError("StateNotAllowed", `${name} is ${old.state}: UnplannedFailover is not possible`);
  const closes = asked.shutDown !== undefined && old.state === "Protected";
  if (asked.shutDown === "required" && !closes)
    throw new LeewardError("StateNotAllowed", `${name} is ${old.state}: PlannedFailover is not possible`);
  const { failure: _, ...kept } = move(old, closes ? "shutDown" : "failover");
  // The size that an earlier try was given stays until another is named.
  const { size } = isFailover(old.job.kind) ? old.job : {};
  const build = { ...(size !== undefined && { size }), ...asked.build };
  const { shutDown, ...rest } = asked;
  const job = nextJob(old, "failover", { ...rest, build, ...(closes && { shutDown }) });
  // A source that is shut down first is fenced behind that.
  return { ...kept, generation: closes ? old.generation : generation(old.generation + 1), job };
}

/**
 * The item once its protection is being taken away. The same write fences it, as that of a failover does. Asked for once more
 * while it is being done, it changes nothing.
 * @throws Conflict while another job is at work, or a test failover is there; StateNotAllowed
 */
export function beginDisable(
  old: ItemRecord,
  { purge, keepPoints }: Pick<Removal, "purge" | "keepPoints">,
  asked: Asked,
): ItemRecord {
  const name = lastSegment(old.id);
  const { job, state, removal } = old;
  if (state === "Disabling" && removal?.purge === purge && removal.keepPoints === keepPoints) return old;
  if (!STATES[state].allowed.includes("DisableProtection")) {
    if (STATES[state].busy)
      throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
    throw new LeewardError("StateNotAllowed", `${name} is ${state}: DisableProtection is not possible`);
  }
  if (old.test)
    throw new LeewardError(
      "StateNotAllowed",
      `the test of ${name}, ${old.test.place.vm}, is still there: clean it up first (testFailoverCleanup)`,
    );
  if (state === "Reversed" && !purge)
    throw new LeewardError(
      "StateNotAllowed",
      `${name} is protected from ${old.reversal?.to ?? "the other direction"}: disable it there, or purge what is kept here of the former direction`,
    );
  const { failure: _, unissued: __, ...kept } = move(old, "disable");
  const after = job.ended ? undefined : job.operation;
  return {
    ...kept,
    generation: generation(old.generation + 1),
    // Behind a try that failed it is still where it was before the first.
    removal: { purge, keepPoints, from: removal?.from ?? state, ...(after && { after }) },
    job: nextJob(old, "disable", { now: asked.now }),
  };
}

/**
 * The item once its agent is being upgraded. Replication goes on meanwhile, and so does everything else: a failover that begins
 * takes the item over.
 * @throws Conflict while another job is at work; StateNotAllowed
 */
export function beginUpgrade(old: ItemRecord, asked: Asked): ItemRecord {
  const name = lastSegment(old.id);
  const { job } = old;
  if (asked.token && job.operation === operationFor(old.id, "upgradeAgent", asked.token)) return old;
  if (!job.ended)
    throw new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (old.state !== "Protected")
    throw new LeewardError("StateNotAllowed", `${name} is ${old.state}: its agent cannot be upgraded`);
  if (old.policy.capture === "snapshots")
    throw new LeewardError("StateNotAllowed", `${name} is captured by snapshots, without an agent`);
  const { failure: _, ...kept } = old;
  return { ...kept, job: nextJob(old, "upgradeAgent", asked) };
}

/** The record of the item's newest job as it begins. */
export const jobOf = (item: ItemRecord): ItemJob => ({
  format: 1,
  operation: item.job.operation,
  kind: item.job.kind,
  item: item.id,
  machine: item.machine,
  point: item.job.point,
  moment: item.job.moment,
  shutDown: item.job.shutDown,
  ...(item.job.changes && { changes: item.job.changes }),
  state: "InProgress",
  startTime: item.job.startTime,
  steps: [],
});

/** As `newItem` and `nextJob` name what a request begins. */
const enablementsOf = ({ id, job }: ItemRecord, token: string): OperationId[] =>
  [token, `${token} at ${job.startTime}`].map((one) => operationFor(id, "enable", one));

/** What a client repeats once it was disabled again is another enablement: only the record tells that a request is known. */
function newItem(wish: Wish, asked: Asked): ItemRecord {
  const operation = operationFor(wish.id, "enable", `${asked.token ?? "first"} at ${asked.now}`);
  return {
    format: 1,
    ...wish,
    machine: machineIdFor(wish.id, wish.vmId, operation),
    state: "Enabling",
    generation: generation(1),
    job: jobStart(operation, "enable", asked),
  };
}

/** Without an id of the client's, the job before tells one request from the next. */
export const nextJob = (old: ItemRecord, kind: ItemRecord["job"]["kind"], asked: Asked): ItemRecord["job"] =>
  jobStart(operationFor(old.id, kind, asked.token ?? `after ${old.job.operation}`), kind, asked);

const jobStart = (
  operation: OperationId,
  kind: ItemRecord["job"]["kind"],
  { now, point, moment, shutDown, build }: Asked,
): ItemRecord["job"] => ({
  operation,
  kind,
  startTime: now,
  ended: false,
  ...(point && { point }),
  ...(moment && { moment }),
  ...(shutDown && { shutDown }),
  ...build,
});

const isSame = (old: ItemRecord, wish: Wish): boolean =>
  sameArmId(old.vmId, wish.vmId) &&
  isDeepStrictEqual(plain(old.policy), plain(wish.policy)) &&
  isDeepStrictEqual(plain(old.request), plain(wish.request));

/** As it comes back from the record: a field that is undefined is not there. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
