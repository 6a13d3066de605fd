import { EntityId, type OrchestrationContext } from "durable-functions";
import { app } from "./witnessed.ts";

type Df = OrchestrationContext["df"];

/** What an orchestrator may ask for. Signals are not waited for. */
const STEPS = {
  echo: (df: Df) => df.callActivity("echo", 1),
  greet: (df: Df) => df.callActivity("greet", "x"),
  timer: (df: Df) => df.createTimer(new Date(df.currentUtcDateTime.getTime() + 1000)),
  chain: (df: Df) => df.callSubOrchestrator("chain", { steps: 1 }),
  parent: (df: Df) => df.callSubOrchestrator("parent", { steps: 1 }),
  call: (df: Df) => df.callEntity(new EntityId("counter", "changing"), "get"),
  callOther: (df: Df) => df.callEntity(new EntityId("counter", "other"), "get"),
  callElse: (df: Df) => df.callEntity(new EntityId("counter", "changing"), "isNew"),
  signal: (df: Df) => df.signalEntity(new EntityId("counter", "changing"), "get"),
};

/** What the code of `changing` asks for. A test changes it under a running instance. */
export const changing: { steps: (keyof typeof STEPS)[] } = { steps: [] };

app.orchestration("changing", function* ({ df }: OrchestrationContext) {
  for (const step of changing.steps) {
    const task = STEPS[step](df);
    if (task) yield task;
  }
  yield df.waitForExternalEvent("go");
});
