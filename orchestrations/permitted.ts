import type { OrchestrationContext, Task } from "durable-functions";
import { hasCode } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { type Machine, type SourceFacts, call } from "./contract.ts";
import { secondsSince } from "./job-status.ts";
import { replayedNow, sleep } from "./timer.ts";

/** A role that was just given may take so long until the storage knows it. */
const ROLE_PATIENCE_SECONDS = 10 * 60;

/** Prepares what lies in accounts that were perhaps made, and opened to this app, just now. */
export function* oncePermitted(
  context: OrchestrationContext,
  { roles }: Pick<SourceFacts, "roles">,
  name: "prepareJournal" | "prepareReplica",
  machine: Machine,
): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (;;) {
    try {
      yield* call(context, name, machine);
      return;
    } catch (error) {
      const waiting = roles && secondsSince(context, start) < ROLE_PATIENCE_SECONDS;
      if (!waiting || !hasCode(error, "StorageRefused")) throw error;
    }
    yield* sleep(context, millis(20_000));
  }
}
