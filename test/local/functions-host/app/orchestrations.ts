import { app, type OrchestrationContext, type Task } from "durable-functions";

type Flow<T = unknown> = Generator<Task, T, never>;

function* call<T>(task: Task): Generator<Task, T, T> {
  return yield task;
}

app.orchestration("chain", function* ({ df }: OrchestrationContext): Flow {
  let value = df.getInput<{ steps: number }>()?.steps ?? 3;
  const steps = value;
  value = 0;
  for (let i = 0; i < steps; i++) value = yield* call<number>(df.callActivity("add", { a: value, b: 1 }));
  return value;
});
