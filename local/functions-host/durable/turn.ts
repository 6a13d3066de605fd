import { messageOf } from "../../../engine/core/errors.ts";
import { isState, type OrchestratorState } from "./action.ts";
import { hiddenState, inOwnWords } from "./failures.ts";
import {
  type EventRaised,
  EventType,
  type Failure,
  type HistoryEvent,
  type Message,
  stamped,
} from "./history.ts";
import type { Past } from "./history-cache.ts";
import { changeBehind } from "./replay-failure.ts";
import { warnOfLarge } from "./payload.ts";
import { replayed, triggerValue } from "./replayed.ts";
import { hasEnded, type Instance, type Mail } from "./store.ts";
import { type Decision, NonDeterminism, type OperationDecision, jsonText } from "./decision.ts";
import type { TaskPlan } from "./task-plan.ts";

/** In UTF-16 units: beyond it the real extension fails the orchestration. */
const MOST_CUSTOM_STATUS = 16 * 1024;

/** What a turn decided, as data. `apply` in outcome.ts carries it out. */
export type Outcome = { readonly consumed: readonly Mail[] } & (
  | { readonly kind: "nothing" }
  | { readonly kind: "suspend"; readonly events: readonly HistoryEvent[] }
  | {
      readonly kind: "go on";
      readonly events: readonly HistoryEvent[];
      readonly plan: TaskPlan;
      readonly customStatus: string | null;
    }
  | {
      readonly kind: "start anew";
      /** JSON text. */
      readonly input: string | null;
      /** Events that came after the decision: they go on waiting, before all that comes later. */
      readonly carryOver: readonly EventRaised[];
      /** What the last steps asked of entities. */
      readonly operations: readonly OperationDecision[];
      readonly customStatus: string | null;
    }
  | Finish
);

export interface Finish {
  readonly kind: "finish";
  readonly status: "Completed" | "Failed" | "Terminated";
  /** JSON text. */
  readonly output: string | null;
  readonly failure?: Failure;
  readonly events: readonly HistoryEvent[];
  /** What the last steps asked of entities. */
  readonly operations: readonly OperationDecision[];
  readonly customStatus: string | null;
}

/** What a turn needs from the host. */
export interface TurnContext {
  readonly now: () => number;
  /**
   * Calls the orchestrator function with what its trigger holds and returns its answer.
   * @throws whatever the library throws
   */
  readonly call: (name: string, trigger: object) => Promise<unknown>;
  /** A sentence saying why a task cannot be scheduled, or nothing. */
  readonly refuse: (decision: Decision) => string | undefined;
  readonly warn: (message: string) => void;
}

/** One turn of an orchestration: everything that waits for it is given to the orchestrator, and its answer is judged. */
export async function decideTurn(
  instance: Instance,
  mail: readonly Mail[],
  past: Past,
  context: TurnContext,
): Promise<Outcome> {
  if (hasEnded(instance.status)) return { kind: "nothing", consumed: mail };
  const stale = mail.filter((m) => m.execution !== null && m.execution !== instance.execution);
  const live = startFirst(mail.filter((m) => m.execution === null || m.execution === instance.execution));
  const end = live.find((m) => m.message.EventType === EventType.ExecutionTerminated);
  if (end) return { ...terminated(instance, live, end.message), consumed: mail };
  if (isSuspendedBy(instance, live)) return suspended(live.filter(isPauseOrResume), stale);
  if (live.length === 0) return { kind: "nothing", consumed: stale };
  const outcome = await advance(instance, live, past, context);
  const left = new Set<unknown>(outcome.kind === "start anew" ? outcome.carryOver : []);
  return { ...outcome, consumed: mail.filter(({ message }) => !left.has(message)) };
}

/** Events that waited over a continueAsNew are older than the start of what they go to. */
function startFirst(live: readonly Mail[]): readonly Mail[] {
  const start = live.findIndex((m) => m.message.EventType === EventType.ExecutionStarted);
  return start <= 0 ? live : [...live.slice(start, start + 1), ...live.toSpliced(start, 1)];
}

const isPauseOrResume = ({ message: { EventType: type } }: Mail): boolean =>
  type === EventType.ExecutionSuspended || type === EventType.ExecutionResumed;

function isSuspendedBy(instance: Instance, live: readonly Mail[]): boolean {
  const last = live.findLast(isPauseOrResume);
  return last ? last.message.EventType === EventType.ExecutionSuspended : instance.status === "Suspended";
}

/** Only the pause itself is taken; whatever else waits goes on waiting. */
function suspended(pauses: readonly Mail[], stale: readonly Mail[]): Outcome {
  const consumed = [...stale, ...pauses];
  if (pauses.length === 0) return { kind: "nothing", consumed };
  return { kind: "suspend", events: pauses.map((m) => m.message), consumed };
}

function terminated(instance: Instance, live: readonly Mail[], end: Message): Finish {
  const reason = end.EventType === EventType.ExecutionTerminated ? end.Input : "";
  return {
    kind: "finish",
    status: "Terminated",
    output: JSON.stringify(reason),
    failure: { Reason: reason, Details: reason },
    events: live.map((m) => m.message),
    operations: [],
    customStatus: instance.customStatus,
  };
}

async function advance(
  instance: Instance,
  live: readonly Mail[],
  past: Past,
  context: TurnContext,
): Promise<DistributiveOmit<Outcome, "consumed">> {
  const now = context.now();
  const news: HistoryEvent[] = [
    stamped({ EventType: EventType.OrchestratorStarted }, now),
    ...live.map((m) => m.message),
  ];
  const answer = await ask(instance, past, news, context);
  const judged = answer.state
    ? judge(instance, answer, past, news, context)
    : { error: await libraryError(instance, answer.error, [...past.events, ...news], context) };
  const customStatus = judged.customStatus ?? instance.customStatus;
  warnOfPayloads(instance, live, judged.state?.output, context);
  const { error, plan, state } = judged;
  if (error === undefined && plan && state && (!state.isDone || plan.open > 0))
    return { kind: "go on", events: news, plan, customStatus };
  if (error !== undefined && plan && plan.open > 0)
    return { kind: "go on", events: news, plan, customStatus };
  const operations = operationsOf(plan);
  if (error !== undefined)
    return { ...failed(instance, error, state), events: news, operations, customStatus };
  if (plan?.continueAsNew) return anew(instance, plan, customStatus, context);
  const output = state?.output === undefined ? null : JSON.stringify(state.output);
  return {
    kind: "finish",
    status: "Completed",
    output,
    events: news,
    operations,
    customStatus,
  };
}

function warnOfPayloads(
  { name }: Instance,
  live: readonly Mail[],
  output: unknown,
  { warn }: TurnContext,
): void {
  for (const { message } of live)
    if (message.EventType === EventType.ExecutionStarted)
      warnOfLarge(`input of orchestration ${name}`, message.Input, warn);
    else if (message.EventType === EventType.EventRaised)
      warnOfLarge(`event ${message.Name} to orchestration ${name}`, message.Input, warn);
  if (output !== undefined) warnOfLarge(`output of orchestration ${name}`, JSON.stringify(output), warn);
}

/** All that can be new at the end: whatever else is new is still open. */
const operationsOf = (plan: TaskPlan | undefined): OperationDecision[] =>
  (plan?.decisions ?? []).filter((task) => task.kind === "operation");

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

type Answer = GoodAnswer | { state?: undefined; error: string };
type GoodAnswer = { state: OrchestratorState; error?: string };

type Replayable = Pick<Past, "events" | "replayed">;

async function ask(
  instance: Instance,
  past: Replayable,
  news: readonly HistoryEvent[],
  context: TurnContext,
): Promise<Answer> {
  try {
    const state = await context.call(
      instance.name,
      triggerValue(instance, past.replayed.concat(replayed(news)), past.events.length > 0),
    );
    if (!isState(state)) return { error: "its answer is not one of durable-functions" };
    return { state: { ...state, output: asJson(state.output), customStatus: asJson(state.customStatus) } };
  } catch (error) {
    const hidden = hiddenState(error);
    if (hidden === undefined) return { error: messageOf(error) };
    const state: OrchestratorState = JSON.parse(hidden);
    return { state, error: inOwnWords(state.error ?? "unknown error") };
  }
}

/** @throws TypeError for what JSON cannot say, which fails the orchestration */
function asJson(value: unknown): unknown {
  const text = jsonText(value);
  return text === null ? undefined : JSON.parse(text);
}

interface Judgement {
  state?: OrchestratorState | undefined;
  plan?: TaskPlan;
  error?: string | undefined;
  /** JSON text; undefined when not set. */
  customStatus?: string;
}

/** Works out what the answer asks for; what cannot be granted is an error of the orchestration. */
function judge(
  instance: Instance,
  answer: GoodAnswer,
  past: Past,
  news: readonly HistoryEvent[],
  context: TurnContext,
): Judgement {
  const { state, error } = answer;
  const customStatus = state.customStatus === undefined ? undefined : JSON.stringify(state.customStatus);
  if (customStatus !== undefined && customStatus.length > MOST_CUSTOM_STATUS)
    return {
      error: `the custom status has ${customStatus.length} characters, the most is ${MOST_CUSTOM_STATUS}`,
    };
  const base = { state, error, ...(customStatus === undefined ? {} : { customStatus }) };
  try {
    const plan = past.planner.plan(state.actions.flat(), past.events, news);
    const refusal = plan.decisions.map((task) => context.refuse(task)).find((reason) => reason !== undefined);
    return refusal === undefined ? { ...base, plan } : { ...base, error: refusal };
  } catch (failure) {
    return { ...base, error: explained(instance, failure) };
  }
}

async function libraryError(
  instance: Instance,
  error: string,
  history: readonly HistoryEvent[],
  context: TurnContext,
): Promise<string> {
  const none = { events: [], replayed: [] };
  const change = await changeBehind(
    history,
    async (part) => (await ask(instance, none, part, context)).state,
  );
  return change ? explained(instance, change) : error;
}

function explained(instance: Instance, failure: unknown): string {
  const prefix =
    failure instanceof NonDeterminism ? `Non-deterministic orchestrator '${instance.name}': ` : "";
  return `${prefix}${messageOf(failure)}`;
}

function failed(
  instance: Instance,
  error: string,
  state: OrchestratorState | undefined,
): Pick<Finish, "kind" | "status" | "output" | "failure"> {
  const reason = `Orchestrator function '${instance.name}' failed: ${error}`;
  const output = JSON.stringify(reason);
  const details: Partial<Failure> = state?.failureDetails ? { FailureDetails: state.failureDetails } : {};
  return {
    kind: "finish",
    status: "Failed",
    output,
    failure: { Reason: reason, Details: error, ...details },
  };
}

function anew(
  instance: Instance,
  plan: TaskPlan,
  customStatus: string | null,
  context: TurnContext,
): DistributiveOmit<Outcome, "consumed"> {
  if (plan.unconsumed.length > 0)
    context.warn(
      `continueAsNew of ${instance.name} '${instance.id}' loses the events ${plan.unconsumed.map((e) => e.Name).join(", ")}: ` +
        "they were delivered before it and nothing waited for them",
    );
  return {
    kind: "start anew",
    input: plan.continueAsNew?.input ?? null,
    carryOver: plan.carryOver,
    operations: operationsOf(plan),
    customStatus,
  };
}
