import type { OrchestrationContext, Task } from "durable-functions";
import { encodeFailure } from "../../../orchestrations/failure.ts";
import type { ActivityName, InputOf, OutputOf } from "../../../orchestrations/contract.ts";

/** What an activity answers: a value, or an error, for its n-th call. */
export type Script = {
  readonly [Name in ActivityName]?: (input: InputOf<Name>, nth: number) => OutputOf<Name> | Error;
};

export interface Played {
  /** Every activity in order, and `sleep 1000` for each timer that was waited for. */
  readonly trace: readonly string[];
  readonly inputs: readonly { readonly name: string; readonly input: unknown }[];
  readonly statuses: readonly unknown[];
  readonly output?: unknown;
  readonly error?: Error;
  /** The input of the next execution. */
  readonly continued?: unknown;
}

interface Pretended extends Task {
  readonly kind: "activity" | "timer" | "event" | "any";
  readonly name?: string;
  readonly input?: unknown;
  readonly at?: number;
  readonly of?: readonly Pretended[];
  cancel?: () => void;
}

const START = Date.parse("2030-01-01T00:00:00Z");
const MOST_TURNS = 5000;

/** Plays an orchestrator to its end: activities answer from the script, timers fire at once on a clock that jumps. */
export class Driver {
  readonly #script: Script;
  readonly #calls = new Map<string, number>();
  readonly #trace: string[] = [];
  readonly #inputs: { name: string; input: unknown }[] = [];
  readonly #statuses: unknown[] = [];
  #now = START;
  #continued: unknown;
  /** Names of external events that come before their timers. */
  events: string[] = [];

  constructor(script: Script) {
    this.#script = script;
  }

  play(
    orchestrator: (context: OrchestrationContext) => Generator<Task, unknown, unknown>,
    input: unknown,
  ): Played {
    const ended = this.#run(orchestrator(this.#context(input)));
    const { error, output } = ended;
    return {
      trace: this.#trace,
      inputs: this.#inputs,
      statuses: this.#statuses,
      ...(output !== undefined && { output }),
      ...(error && { error }),
      ...(this.#continued !== undefined && { continued: this.#continued }),
    };
  }

  #run(steps: Generator<Task, unknown, unknown>): { output?: unknown; error?: Error } {
    try {
      let turn = steps.next();
      for (let turns = 0; !turn.done; turns++) {
        if (turns > MOST_TURNS) throw new Error("the orchestrator does not end");
        const answer = this.#answer(pretended(turn.value));
        turn = answer instanceof Error ? steps.throw(answer) : steps.next(answer);
      }
      return { output: turn.value };
    } catch (error) {
      if (error instanceof Error) return { error };
      throw error;
    }
  }

  #answer(task: Pretended): unknown {
    if (task.kind === "activity") return this.#activity(task.name ?? "", task.input);
    if (task.kind === "timer") return this.#fire(task);
    if (task.kind === "any") return this.#first(task.of ?? []);
    return undefined;
  }

  #activity(name: string, input: unknown): unknown {
    this.#trace.push(name);
    this.#inputs.push({ name, input });
    const nth = this.#calls.get(name) ?? 0;
    this.#calls.set(name, nth + 1);
    const script: Record<string, ((input: never, nth: number) => unknown) | undefined> = this.#script;
    const act = script[name];
    if (!act) throw new Error(`the script has no ${name}`);
    const answer = Reflect.apply(act, undefined, [input, nth]);
    // As the host words it.
    if (answer instanceof Error)
      return new Error(`Activity function '${name}' failed: ${encodeFailure(answer)} \n at somewhere.js:1`);
    return answer === undefined ? null : JSON.parse(JSON.stringify(answer));
  }

  #fire(task: Pretended): undefined {
    this.#trace.push(`sleep ${(task.at ?? 0) - this.#now}`);
    this.#now = Math.max(this.#now, task.at ?? 0);
    return undefined;
  }

  #first(tasks: readonly Pretended[]): unknown {
    const event = tasks.find((task) => task.kind === "event" && this.events.includes(task.name ?? ""));
    if (event) {
      event.isCompleted = true;
      this.#trace.push(`event ${event.name}`);
      return event;
    }
    const timer = tasks.find((task) => task.kind === "timer");
    if (timer) this.#fire(timer);
    return timer;
  }

  #context(input: unknown): OrchestrationContext {
    const now = () => new Date(this.#now);
    const task = (made: Partial<Pretended> & { kind: Pretended["kind"] }): Pretended => ({
      isCompleted: false,
      isFaulted: false,
      ...made,
    });
    const df = {
      instanceId: "instance",
      get currentUtcDateTime() {
        return now();
      },
      getInput: () => input,
      callActivity: (name: string, given: unknown) => task({ kind: "activity", name, input: given }),
      createTimer: (at: Date) => task({ kind: "timer", at: at.getTime(), cancel: () => undefined }),
      waitForExternalEvent: (name: string) => task({ kind: "event", name }),
      setCustomStatus: (status: unknown) => this.#statuses.push(structuredClone(status)),
      continueAsNew: (next: unknown) => (this.#continued = next),
      Task: { any: (of: Pretended[]) => task({ kind: "any", of }) },
    };
    // The library's context has far more than an orchestrator of ours may use.
    return Object.assign(Object.create(null), { df });
  }
}

function pretended(task: Task): Pretended {
  if (!("kind" in task)) throw new Error("the orchestrator yielded something else than a task");
  return Object.assign(task, { kind: kindOf(task.kind) });
}

function kindOf(kind: unknown): Pretended["kind"] {
  if (kind === "activity" || kind === "timer" || kind === "event" || kind === "any") return kind;
  throw new Error(`an unknown task: ${String(kind)}`);
}
