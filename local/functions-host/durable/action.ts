import { isDeepStrictEqual } from "node:util";
import { isRecord } from "./failures.ts";
import type { FailureDetails } from "./history.ts";

/** What an orchestrator asked for, as `durable-functions` 3 reports it: over the whole life of the instance, in order. */
export type Action =
  | { actionType: typeof ActionType.CallActivity; functionName: string; input?: unknown }
  | ({ actionType: typeof ActionType.CallActivityWithRetry } & Retried)
  | ({ actionType: typeof ActionType.CallSubOrchestrator } & Child)
  | ({ actionType: typeof ActionType.CallSubOrchestratorWithRetry } & Child & Retried)
  | { actionType: typeof ActionType.ContinueAsNew; input?: unknown }
  | { actionType: typeof ActionType.CreateTimer; fireAt: string | Date; isCanceled: boolean }
  | { actionType: typeof ActionType.WaitForExternalEvent; externalEventName: string }
  | {
      actionType: typeof ActionType.CallEntity | typeof ActionType.SignalEntity;
      /** "@name@key" */
      instanceId: string;
      operation: string;
      input?: unknown;
    }
  | { actionType: typeof ActionType.WhenAny | typeof ActionType.WhenAll; compoundActions: Action[] };

export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  SignalEntity: 9,
  WhenAny: 11,
  WhenAll: 12,
} as const;

interface Child {
  functionName: string;
  instanceId?: string;
  input?: unknown;
  version?: string;
}

interface Retried {
  functionName: string;
  input?: unknown;
  retryOptions: RetryOptions;
}

export interface RetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

/** The library's answer to one turn, as it is or from JSON text. Trusted: it comes from the pinned library, in this process. */
export interface OrchestratorState {
  isDone: boolean;
  actions: Action[][];
  output?: unknown;
  customStatus?: unknown;
  error?: string;
  failureDetails?: FailureDetails;
}

/** Tells the library's answers from those of a handler that is not the library's. */
export const isState = (value: unknown): value is OrchestratorState =>
  isRecord(value) && Array.isArray(value["actions"]) && typeof value["isDone"] === "boolean";

/** Whether both ask for the same, whatever the input. */
export function isSameAction(a: Action, b: Action | undefined): boolean {
  if (b === undefined || a.actionType !== b.actionType) return false;
  if (a.actionType === ActionType.CallActivity)
    return b.actionType === a.actionType && a.functionName === b.functionName;
  if ("compoundActions" in a)
    return (
      "compoundActions" in b &&
      a.compoundActions.length === b.compoundActions.length &&
      a.compoundActions.every((child, i) => isSameAction(child, b.compoundActions[i]))
    );
  return isDeepStrictEqual({ ...a, input: null }, { ...b, input: null });
}

const unsupported = new Map<number, string>([
  [8, "callHttp"],
  [13, "lock"],
  [14, "lock"],
]);

/** The name a developer knows it by. */
export const actionName = (type: number): string =>
  unsupported.get(type) ??
  Object.entries(ActionType).find(([, number]) => number === type)?.[0] ??
  `action ${type}`;
