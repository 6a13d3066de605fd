import type { Task } from "durable-functions";

/** What an orchestrator of these tests is. */
export type Flow<T = unknown> = Generator<Task, T, never>;

/** Yields a task and gives its result a type; each test that reads the result would notice a wrong one. */
export function* result<T>(task: Task): Generator<Task, T, T> {
  return yield task;
}

/** The message of what a task threw. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
