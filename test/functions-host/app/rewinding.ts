import { type OrchestrationContext, RetryOptions } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result } from "./flow.ts";

interface Level {
  key: string;
  depth: number;
  failures: number;
  /** How often a level tries the one below. */
  attempts: number;
}

/** Notes that it came by, then goes one level deeper; the lowest level fails for a while. */
app.orchestration("rewindTree", function* ({ df }: OrchestrationContext): Flow {
  const level = df.getInput<Level>();
  const { key, depth, failures, attempts } = level;
  yield df.callActivity("note", `${key} level ${depth}`);
  if (depth === 0) return yield* result(df.callActivity("failFirst", { key, failures }));
  const below = { ...level, depth: depth - 1 };
  return yield* result(
    attempts > 1
      ? df.callSubOrchestratorWithRetry("rewindTree", new RetryOptions(1000, attempts), below)
      : df.callSubOrchestrator("rewindTree", below),
  );
});

/** Two sub-orchestrations at once, both failing at first. */
app.orchestration("rewindPair", function* ({ df }: OrchestrationContext): Flow {
  const pair = [1, 2].map((n) =>
    df.callSubOrchestrator("rewindTree", {
      key: `${df.instanceId}/${n}`,
      depth: 0,
      failures: n,
      attempts: 1,
    }),
  );
  return yield* result(df.Task.all(pair));
});
