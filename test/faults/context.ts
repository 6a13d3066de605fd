import type { Task } from "durable-functions";

/** What an orchestrator asked for. */
export interface Pretended {
  readonly kind: "activity" | "timer" | "event" | "any";
  readonly name: string;
  readonly input?: unknown;
  /** Milliseconds since 1970. */
  readonly at?: number;
  readonly of?: readonly Pretended[];
  isCompleted: boolean;
}

/** What came of it, and when: all that outlives a host. */
export interface Outcome {
  /** What was asked for. */
  readonly of: string;
  readonly at: number;
  readonly value?: unknown;
  readonly error?: string;
  /** Of several, the one that came first. */
  readonly first?: number;
}

/** One execution of an orchestrator, whose clock moves with what is delivered to it. */
export function contextOf(input: unknown, began: number) {
  let now = began;
  let continued: { input: unknown } | undefined;
  const task = (made: Omit<Pretended, "isCompleted">): Pretended => ({ ...made, isCompleted: false });
  const df = {
    instanceId: "instance",
    isReplaying: false,
    get currentUtcDateTime() {
      return new Date(now);
    },
    getInput: () => input,
    callActivity: (name: string, given: unknown) => task({ kind: "activity", name, input: given }),
    createTimer: (at: Date) => ({
      ...task({ kind: "timer", name: "timer", at: at.getTime() }),
      cancel: () => undefined,
    }),
    waitForExternalEvent: (name: string) => task({ kind: "event", name }),
    setCustomStatus: () => undefined,
    continueAsNew: (next: unknown) => (continued = { input: next }),
    Task: { any: (of: Pretended[]) => task({ kind: "any", name: "any", of }) },
  };
  return {
    context: { df },
    continued: () => continued,
    /** What the generator gets; an error is to be thrown into it. */
    deliver(asked: Pretended, { at, value, error, first }: Outcome): unknown {
      now = Math.max(now, at);
      if (error !== undefined) return new Error(error);
      if (asked.kind !== "any") return value;
      const won = asked.of?.[first ?? 0];
      if (won) won.isCompleted = true;
      return won;
    },
  };
}

export function pretended(task: Task): Pretended {
  const made: unknown = task;
  if (isPretended(made)) return made;
  throw new Error("the orchestrator yielded something else than a task");
}

const isPretended = (made: unknown): made is Pretended =>
  typeof made === "object" && made !== null && "kind" in made && "name" in made;
