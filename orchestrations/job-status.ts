import type { OrchestrationContext, Task } from "durable-functions";
import type { LeewardError } from "../engine/core/errors.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import type { JobEnd, StepReport } from "./contract.ts";
import { call } from "./contract.ts";
import { decodeFailure, encodeFailure } from "./failure.ts";
import { replayedNow } from "./timer.ts";

/** Bytes or things done so far in the step at work. */
export interface StepProgress {
  readonly done: number;
  readonly total: number;
  /** A second. */
  readonly rate?: number;
  readonly etaSeconds?: number;
}

/** The custom status of every job's orchestration. */
export interface JobStatus {
  readonly phase: string;
  readonly percentComplete: number;
  readonly progress?: StepProgress;
  readonly steps: readonly StepReport[];
}

/** The steps of one job, timed by the replayed clock and shown as the orchestration's custom status. */
export class JobSteps {
  readonly #context: OrchestrationContext;
  readonly #weights: Readonly<Record<string, number>>;
  #steps: StepReport[] = [];

  /** @param weights how much of the whole each step mostly takes; a step that is not named counts 1. */
  constructor(context: OrchestrationContext, weights: Readonly<Record<string, number>>) {
    this.#context = context;
    this.#weights = weights;
  }

  get reports(): readonly StepReport[] {
    return this.#steps;
  }

  /** The step at work, or the last one. */
  get current(): string {
    return this.#steps.at(-1)?.name ?? "start";
  }

  /** Runs one step. Its failure passes through, and the step is marked as failed. */
  *run<Result>(name: string, body: Generator<Task, Result, never>): Generator<Task, Result, never> {
    return yield* this.#step(name, body, () => "Succeeded");
  }

  /** Runs a step that the job may outlive. @returns why it failed, which the body returns; any other failure passes through */
  *attempt(
    name: string,
    body: Generator<Task, LeewardError | undefined, never>,
  ): Generator<Task, LeewardError | undefined, never> {
    return yield* this.#step(name, body, (failure) => (failure ? "Failed" : "Succeeded"));
  }

  *#step<Result>(
    name: string,
    body: Generator<Task, Result, never>,
    ended: (result: Result) => "Succeeded" | "Failed",
  ): Generator<Task, Result, never> {
    this.#steps.push({ name, state: "InProgress", startTime: this.#now() });
    this.show();
    try {
      const result = yield* body;
      this.#end(ended(result));
      return result;
    } catch (error) {
      this.#end("Failed");
      throw error;
    }
  }

  show(progress?: StepProgress): void {
    const status: JobStatus = {
      phase: this.current,
      percentComplete: this.#percent(progress),
      ...(progress && { progress }),
      steps: this.#steps,
    };
    this.#context.df.setCustomStatus(status);
  }

  #end(state: "Succeeded" | "Failed"): void {
    const last = this.#steps.pop();
    if (last) this.#steps.push({ ...last, state, endTime: this.#now() });
  }

  #now(): string {
    return this.#context.df.currentUtcDateTime.toISOString();
  }

  #percent(progress?: StepProgress): number {
    const total = Object.values(this.#weights).reduce((sum, weight) => sum + weight, 0);
    const ended = this.#steps.filter((step) => step.state === "Succeeded");
    const done = ended.reduce((sum, step) => sum + (this.#weights[step.name] ?? 1), 0);
    const part = progress?.total ? (progress.done / progress.total) * (this.#weights[this.current] ?? 1) : 0;
    return Math.min(Math.round((100 * (done + part)) / total), 99);
  }
}

/**
 * A whole orchestration that is a job, whose input is `JobInput`.
 * @param weights as of `JobSteps`
 * @throws as `recordedJob`
 */
export function* job(
  context: OrchestrationContext,
  weights: Readonly<Record<string, number>>,
  body: (context: OrchestrationContext, input: JobInput, steps: JobSteps) => Generator<Task, void, never>,
): Generator<Task, readonly StepReport[], never> {
  const input = context.df.getInput<JobInput>();
  const { operation, machine } = input;
  const steps = new JobSteps(context, weights);
  return yield* recordedJob(context, { operation, machine }, steps, body(context, input, steps));
}

/**
 * Runs a job to its end and records how it ended, whatever happens in it.
 * @throws the failure as an encoded line, so that the orchestration is shown as failed with code and message.
 */
export function* recordedJob(
  context: OrchestrationContext,
  job: Pick<JobEnd, "operation" | "machine">,
  steps: JobSteps,
  body: Generator<Task, void, never>,
): Generator<Task, readonly StepReport[], never> {
  try {
    yield* body;
  } catch (error) {
    const { code, message } = decodeFailure(error);
    const failure = { code, message, step: steps.current };
    yield* call(context, "endJob", { ...job, steps: steps.reports, failure });
    throw new Error(encodeFailure(error), { cause: error });
  }
  yield* call(context, "endJob", { ...job, steps: steps.reports });
  return steps.reports;
}

/** Seconds between now and an earlier `replayedNow`. */
export const secondsSince = (context: OrchestrationContext, start: number): number =>
  (replayedNow(context) - start) / 1000;
