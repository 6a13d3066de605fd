import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import type { TestState } from "../engine/recovery/state.ts";
import { buildView } from "./build-view.ts";
import type { JobStatus } from "../orchestrations/job-status.ts";

/** Microsoft's words for where a test is. */
const WORDS: Record<TestState | "none", readonly [state: string, description: string]> = {
  none: ["None", "None"],
  making: ["TestFailoverInitiated", "Test failover in progress"],
  ready: ["TestFailoverCompleted", "Test failover completed; its clean-up is pending"],
  failed: ["TestFailoverFailed", "Test failover failed; it may be tried again or cleaned up"],
  cleaning: ["MarkedForDeletion", "Cleaning up test environment"],
  cleanupFailed: ["MarkedForDeletion", "Cleaning up test environment failed; it may be tried again"],
};

/** ASR's properties of an item that are about its test. */
export function testWords({ test, formerTest }: ItemRecord) {
  const [testFailoverState, testFailoverStateDescription] = WORDS[test?.state ?? "none"];
  const succeeded = test?.state === "ready" ? test.endTime : formerTest?.endTime;
  return {
    testFailoverState,
    testFailoverStateDescription,
    lastSuccessfulTestFailoverTime: succeeded === undefined ? null : toIso(succeeded),
  };
}

/** @param job of the test's own job, while it is at work */
export function testView({ test }: ItemRecord, job: JobStatus | undefined): LeewardItem["test"] {
  if (!test) return null;
  const { chosen, place, failure } = test;
  return {
    state: test.state,
    operation: test.job.operation,
    drill: test.drill ?? false,
    network: test.network.kind,
    networkId: place.network,
    vmId: place.vm,
    point: chosen?.point ?? null,
    pointTime: chosen ? toIso(chosen.pointTime) : null,
    write: chosen?.position ? { generation: chosen.generation, sequence: chosen.sequence } : null,
    consistency: chosen?.consistency ?? null,
    road: chosen?.road ?? null,
    startTime: toIso(test.startTime),
    endTime: test.endTime === undefined ? null : toIso(test.endTime),
    rtoSeconds: test.rtoSeconds ?? null,
    passedOver: chosen?.passedOver ?? [],
    progress: job
      ? { phase: job.phase, percentComplete: job.percentComplete, ...job.progress, steps: [...job.steps] }
      : null,
    failure: failure ?? null,
    build: buildView(test),
  };
}

export function formerTestView({ formerTest: former }: ItemRecord): LeewardItem["formerTest"] {
  if (!former) return null;
  const { operation, point, road, rtoSeconds, comments } = former;
  return {
    operation,
    point,
    pointTime: toIso(former.pointTime),
    road,
    startTime: toIso(former.startTime),
    rtoSeconds,
    cleanedTime: toIso(former.cleanedTime),
    comments: comments ?? null,
  };
}
