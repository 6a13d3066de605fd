import { type EntityRequest, EventType, type ScheduledEvent } from "./history.ts";

/** Something new that the orchestrator asked for. `id` is the number under which the library knows the task. */
export type Decision = { readonly id: number; readonly retryOf?: number } & Encoded<TaskProps>;

/** The input as JSON text, null for none. */
type Encoded<Props> = Props extends { readonly input: unknown }
  ? Omit<Props, "input"> & { readonly input: string | null }
  : Props;

/** @throws TypeError for an input that JSON cannot say */
export const encoded = (props: TaskProps): Encoded<TaskProps> =>
  props.kind === "timer" ? props : { ...props, input: jsonText(props.input) };

/** Null for what JSON leaves out, as functions. @throws TypeError for what it cannot say */
export function jsonText(value: unknown): string | null {
  const text: string | undefined = JSON.stringify(value);
  return text ?? null;
}

type Numbered = { readonly id: number } & TaskProps;

export type TaskProps =
  | { readonly kind: "activity"; readonly name: string; readonly input: unknown }
  | {
      readonly kind: "child";
      readonly name: string;
      readonly input: unknown;
      readonly instanceId?: string;
      readonly version?: string;
    }
  | { readonly kind: "timer"; readonly fireAt: number; readonly canceled: boolean }
  | OperationProps;

interface OperationProps {
  readonly kind: "operation";
  /** Its scheduler id: "@name@key". */
  readonly entity: string;
  readonly name: string;
  readonly input: unknown;
  /** Nobody waits for an answer. */
  readonly signal: boolean;
}

/** What is asked of an entity. It holds up nobody's end. */
export type OperationDecision = Extract<Decision, { kind: "operation" }>;

/** The orchestrator no longer asks for what its history says it asked for. */
export class NonDeterminism extends Error {}

/**
 * Compares what history says was asked for with what the code asks for now: kind, name and receiver, as Azure does; not input.
 * @throws NonDeterminism naming both, and the place in the history
 */
export function checkSame(event: ScheduledEvent, position: number, now: TaskProps): void {
  if (isSame(event, now)) return;
  throw new NonDeterminism(
    `history event ${position} asked for ${describeEvent(event)}, the code now asks for ${describe({ ...now, id: event.EventId })}`,
  );
}

function isSame(event: ScheduledEvent, now: TaskProps): boolean {
  switch (event.EventType) {
    case EventType.TaskScheduled:
      return now.kind === "activity" && isSameName(event.Name, now.name);
    case EventType.SubOrchestrationInstanceCreated:
      return now.kind === "child" && isSameName(event.Name, now.name);
    case EventType.TimerCreated:
      return now.kind === "timer";
    case EventType.EventSent:
      return now.kind === "operation" && describeEvent(event) === describe({ ...now, id: event.EventId });
  }
}

/** Names of functions match in any case. */
const isSameName = (a: string, b: string): boolean => a === b || a.toLowerCase() === b.toLowerCase();

/** @throws NonDeterminism: what history says was asked for, the code did not ask for */
export function refuseMissing(event: ScheduledEvent, position: number): never {
  throw new NonDeterminism(
    `history event ${position} asked for ${describeEvent(event)}, which the code does not ask for any more`,
  );
}

function describe(task: Numbered): string {
  const number = `(task ${task.id})`;
  switch (task.kind) {
    case "activity":
      return `activity '${task.name}' ${number}`;
    case "child":
      return `sub-orchestration '${task.name}' ${number}`;
    case "timer":
      return `timer ${number}`;
    case "operation":
      return `${task.signal ? "signal" : "call"} '${task.name}' to entity '${task.entity}' ${number}`;
  }
}

function describeEvent(event: ScheduledEvent): string {
  const id = event.EventId;
  switch (event.EventType) {
    case EventType.TaskScheduled:
      return describe({ kind: "activity", name: event.Name, input: undefined, id });
    case EventType.SubOrchestrationInstanceCreated:
      return describe({ kind: "child", name: event.Name, input: undefined, id });
    case EventType.TimerCreated:
      return describe({ kind: "timer", fireAt: 0, canceled: false, id });
    case EventType.EventSent: {
      const { op, signal = false } = requestOf(event);
      return describe({
        kind: "operation",
        entity: event.InstanceId,
        name: op,
        input: undefined,
        signal,
        id,
      });
    }
  }
}

/** The message that an EventSent carries. */
export function requestOf(event: { readonly Input: string }): EntityRequest {
  const request: EntityRequest = JSON.parse(event.Input);
  return request;
}
