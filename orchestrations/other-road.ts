import type { OrchestrationContext, Task } from "durable-functions";
import { type ErrorCode, LeewardError } from "../engine/core/errors.ts";
import type { FailoverStep } from "../engine/recovery/failover-plan.ts";
import { armOutcomes } from "./arm-outcomes.ts";
import { type ArmSent, type AtPoint, call } from "./contract.ts";

/** Characters of a refusal that are told on. */
const MOST_TOLD = 1000;

/** What the replica, its account or a promoted blob may say; the journal lies in another account. */
const OF_REPLICA: ReadonlySet<ErrorCode> = new Set([
  "NotFound",
  "StorageUnavailable",
  "StorageFull",
  "StorageDenied",
  "StorageRefused",
]);
/** In Azure's words: it refuses any disk there, whatever it is made of. */
const ANY_DISK =
  /\b(?:(?<!Linked)AuthorizationFailed|RequestDisallowedByPolicy|ScopeLocked|QuotaExceeded|exceeding approved|SkuNotAvailable|AllocationFailed|LocationNotAvailable\w*|ResourceGroupNotFound|ResourceGroupBeingDeleted|SubscriptionNotFound|ReadOnlyDisabledSubscription|MissingSubscriptionRegistration|DiskEncryptionSet\w*|AvailabilityZoneNotSupported|InvalidAvailabilityZone)\b/i;

/** Whether a disk that could not be imported for this could be rebuilt from the journal all the same. */
export const uploadAvoids = ({ code, message }: LeewardError): boolean =>
  OF_REPLICA.has(code) || (code === "ArmFailed" && !ANY_DISK.test(message));

interface Asked {
  readonly step: FailoverStep;
  readonly send: Generator<Task, ArmSent, never>;
}

/**
 * Waits for all that is asked for, imports among it.
 * @returns why disks could not be imported, where they can be rebuilt; undefined when all is there
 * @throws LeewardError any other failure
 */
export function* imported(
  context: OrchestrationContext,
  asked: readonly Asked[],
): Generator<Task, LeewardError | undefined, never> {
  const outcomes = yield* armOutcomes(
    context,
    asked.map(({ send }) => send),
  );
  let refused: LeewardError | undefined;
  for (const [at, { step }] of asked.entries()) {
    const failure = outcomes[at];
    if (!failure) continue;
    if (step.do !== "import" || !uploadAvoids(failure)) throw failure;
    refused ??= failure;
  }
  return refused;
}

/** What makes way for disks that are rebuilt: all of a point are, since each is either imported or rebuilt with the others. */
export function* givingUp(
  context: OrchestrationContext,
  at: AtPoint,
  plan: readonly FailoverStep[],
  { message }: LeewardError,
): Generator<Task, void, never> {
  yield* call(context, "giveUpImport", { ...at, why: message.slice(0, MOST_TOLD) });
  const clears = importsOf(plan).map(({ disk }) =>
    call(context, "clearDisk", { ...at, disk, road: "upload" }),
  );
  const outcomes = yield* armOutcomes(context, clears);
  const failure = outcomes.find((one) => one !== undefined);
  if (failure) throw failure;
}

/** Imports that may be given up; none in plans of an older Leeward, whose histories hold what followed. */
export const importsOf = (plan: readonly FailoverStep[]) =>
  plan.filter((step) => step.do === "import").filter(({ orUpload }) => orUpload);
