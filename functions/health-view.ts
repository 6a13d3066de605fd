import { toIso } from "../engine/core/clock.ts";
import { CATALOGUE, type ErrorClass, isErrorCode } from "../engine/core/errors.ts";
import { errorIdOf } from "../engine/recovery/dismissed.ts";
import type { HealthError } from "../engine/recovery/health.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";

/** ASR's HealthError. */
export const healthError = (
  item: ItemRecord,
  error: HealthError,
  errorCategory: "Replication" | "FailoverReadiness",
) => ({
  innerHealthErrors: [],
  errorSource: "Leeward",
  errorType: errorCategory,
  errorLevel: error.level,
  errorCategory,
  errorCode: error.code,
  summaryMessage: error.message,
  errorMessage: error.message,
  possibleCauses: causesOf(error.code),
  recommendedAction: error.remedy,
  creationTimeUtc: toIso(error.since),
  recoveryProviderErrorMessage: null,
  entityId: item.id,
  errorId: errorIdOf(item, error),
  /** Whether `resolveHealthErrors` may dismiss it: not what goes on. */
  customerResolvability: error.past ? ("Allowed" as const) : ("NotAllowed" as const),
});

/** The message says what was seen; this, what kind of thing it mostly is. */
const CAUSES: Record<ErrorClass, string> = {
  retry: "Something did not answer, was throttled or had no room; mostly it passes by itself.",
  resync: "What is stored is not what was written, or a part of it is missing.",
  person: "Something in Azure, on the machine or in its settings that does not change by itself.",
  input: "The request, or what it named, does not fit the state that it met.",
};

export const causesOf = (code: string): string =>
  isErrorCode(code) ? CAUSES[CATALOGUE[code].class] : CAUSES.person;
