import { LeewardError, isErrorCode, messageOf } from "../engine/core/errors.ts";
import type { Micros } from "../engine/core/units.ts";
import type { SpoolState } from "./spool-state.ts";

/** Why a journal ended, and when: it takes nothing more. What is in the spool may still go to the cache. */
export interface Ending {
  readonly error: LeewardError;
  readonly since: Micros;
}

export const endingBy = (error: unknown, since: Micros): Ending => ({
  error: error instanceof LeewardError ? error : new LeewardError("SpoolDamaged", messageOf(error), error),
  since,
});

/** As a start reads it that comes after the end. */
export const endingIn = ({ code, message, since }: NonNullable<SpoolState["ended"]>): Ending => ({
  error: new LeewardError(isErrorCode(code) ? code : "SpoolDamaged", message),
  since,
});

/** As it is kept in the spool. */
export const endingOf = ({ error, since }: Ending): NonNullable<SpoolState["ended"]> => ({
  code: error.code,
  message: error.message,
  since,
});
