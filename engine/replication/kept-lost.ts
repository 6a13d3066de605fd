import { LeewardError, hasCode, messageOf } from "../core/errors.ts";

/**
 * Something that a turn had kept is not there any more, or not what it was. It only spared work: nothing of the machine is
 * wrong, and whoever meets this begins anew.
 */
export class KeptLost extends Error {
  constructor(what: string, cause?: unknown) {
    super(what, { cause });
    this.name = "KeptLost";
  }
}

/** What reading something kept threw: the same, unless it is about the object itself. */
export function asKeptLost(error: unknown): unknown {
  if (!(error instanceof LeewardError) || error.class === "retry" || hasCode(error, "KeyWrong")) return error;
  return new KeptLost(messageOf(error), error);
}
