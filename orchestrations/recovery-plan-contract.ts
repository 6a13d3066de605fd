import type { OperationId } from "../engine/core/ids.ts";
import type { Does, StepReport } from "./contract.ts";

/** A run of a recovery plan, which its record describes. */
export interface PlanJob {
  readonly operation: OperationId;
  /** Of the record. */
  readonly plan: string;
}

/** One thing that a run does. Addresses and ids stay in the record. */
export type PlanStep =
  | { readonly do: "items"; readonly name: string; readonly group: number }
  | {
      readonly do: "call" | "wait";
      readonly name: string;
      readonly group: number;
      readonly when: "start" | "end";
      readonly at: number;
    };

/** Those of recovery plans. */
export interface PlanActivities {
  planRun: Does<PlanJob, { readonly steps: readonly PlanStep[] }>;
  /** Has the jobs of a group's items begin, and looks how they go; `why` names the first that failed. */
  runGroup: Does<
    PlanJob & { readonly group: number },
    { readonly atWork: number; readonly failed: number; readonly why: string }
  >;
  /** Calls the action's address. */
  callAction: Does<PlanJob & { readonly group: number; readonly when: "start" | "end"; readonly at: number }>;
  endRun: Does<
    PlanJob & {
      readonly steps: readonly StepReport[];
      readonly failure?: { readonly code: string; readonly message: string; readonly step: string };
    }
  >;
}
