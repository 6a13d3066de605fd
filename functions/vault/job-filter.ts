import type { Job } from "../../engine/contract/job.ts";
import { fabricOf } from "../../engine/recovery/fabric.ts";
import type { JobRecord } from "../../engine/recovery/job.ts";
import { scenarioOf } from "../scenario.ts";
import type { Condition, FilterField } from "./filter.ts";

/** What jobs are filtered by, in the words that ASR's clients send. */
export const JOB_FIELDS: Readonly<Record<string, FilterField<JobRecord>>> = {
  starttime: { of: ({ startTime }) => startTime / 1000, bound: "from" },
  endtime: { of: ({ endTime, startTime }) => (endTime ?? startTime) / 1000, bound: "until" },
  jobstatus: { of: stateOfJob },
  jobname: { of: ({ operation }) => operation },
  scenarioname: { of: (job) => scenarioOf(job)[0] },
  affectedobjecttypes: { of: kindOfTarget },
  fabricid: { of: ({ item }) => fabricOf(item) },
  targetobjectid: { of: ({ item }) => item },
};

/** Newer ones are greater. */
export const orderOfJob = ({ startTime, operation }: JobRecord): string =>
  `${String(startTime).padStart(17, "0")}-${operation}`;

/** A job that somebody cancelled, and that has failed of it, is cancelled. */
export function stateOfJob({ state, cancelledAt }: JobRecord): Job["properties"]["state"] {
  return state === "Failed" && cancelledAt !== undefined ? "Cancelled" : state;
}

export function kindOfTarget({ kind }: JobRecord): string {
  return kind === "configure" ? "Vault" : "ProtectionEntity";
}

/** What an export asks for, as a filter would. */
export const conditionsFor = (asked: NonNullable<JobRecord["exported"]>): Condition[] =>
  Object.entries(asked).flatMap(([field, value]) =>
    value === undefined || value === ""
      ? []
      : [{ field: field.toLowerCase(), operator: "eq" as const, value }],
  );
