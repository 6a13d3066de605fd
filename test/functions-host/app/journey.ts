import { randomUUID } from "node:crypto";
import { EntityId, type OrchestrationContext, RetryOptions } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result } from "./flow.ts";

interface Leg {
  key: string;
  step: number;
  /** What the orchestrator decided this step upon: random, and from its clock. */
  from: string;
}

/** Gives something that nobody can guess. */
app.activity("travel", {
  handler: async (_leg: Leg) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    return randomUUID();
  },
});

/** Half of its calls fail, so that retries are under way when the host dies. */
app.activity("stumble", {
  handler: (_leg: Leg) => {
    if (Math.random() < 0.5) throw new Error("stumbled");
    return randomUUID();
  },
});

/** Counts the legs that it is told of, tells the total of all, and gives something that nobody can guess. */
app.entity<number>("milestones", async ({ df }) => {
  const leg = df.getInput<Leg>();
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  df.setState((df.getState(() => 0) ?? 0) + 1);
  if (leg) df.signalEntity(new EntityId("milestones", "total"), "count");
  df.return(randomUUID());
});

/** Every step depends upon what came before, so a decision taken twice would show in the ledger with two inputs. */
app.orchestration("journey", function* ({ df }: OrchestrationContext): Flow {
  const { key, generation } = df.getInput<{ key: string; generation: number }>();
  let step = generation * 100;
  let from = `${df.currentUtcDateTime.toISOString()} start`;
  const leg = (): Leg => ({ key, step: step++, from });
  const moment = (token: string) => `${df.currentUtcDateTime.toISOString()} ${token}`;

  from = moment(yield* result<string>(df.callActivity("travel", leg())));
  const branches = [leg(), leg(), leg()].map((l) => df.callActivity("travel", l));
  from = moment((yield* result<string[]>(df.Task.all(branches))).join());
  yield df.createTimer(new Date(df.currentUtcDateTime.getTime() + 30));
  const options = new RetryOptions(5, 30);
  from = moment(yield* result<string>(df.callActivityWithRetry("stumble", options, leg())));
  const milestones = new EntityId("milestones", key);
  from = moment(yield* result<string>(df.callEntity(milestones, "pass", leg())));
  df.signalEntity(milestones, "pass", leg());
  const child = { key: `${key}/${generation}`, generation: 9 };
  if (generation < 9) from = moment(JSON.stringify(yield* result(df.callSubOrchestrator("journey", child))));
  from = moment(yield* result<string>(df.callActivity("travel", leg())));
  if (generation < 2) {
    df.continueAsNew({ key, generation: generation + 1 });
    return undefined;
  }
  return { key, last: from };
});
