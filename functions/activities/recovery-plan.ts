import { withRunEnded } from "../../engine/recovery/recovery-plan.ts";
import { callAction } from "../plan/call-action.ts";
import { lookAtGroup, runOf, stepsOf } from "../plan/run.ts";
import type { Implementations } from "./tools.ts";

export const planActivities = {
  async planRun(job, { services }) {
    const { plan, run } = await runOf(services, job);
    return { steps: stepsOf(plan, run) };
  },

  async runGroup({ group, ...job }, { services, client }) {
    return lookAtGroup(services, client, await runOf(services, job), group);
  },

  async callAction({ group, when, at, ...job }, { services }) {
    const { plan, run } = await runOf(services, job);
    await callAction(plan, run, { group, when, at });
    return null;
  },

  async endRun({ operation, plan, steps, failure }, { services: { records, clock } }) {
    const now = clock.now();
    // The job first: a plan whose run has ended has a job that says how.
    await records.jobs.update(operation, (old) =>
      old.state === "InProgress"
        ? { ...old, state: failure ? "Failed" : "Succeeded", endTime: now, steps: [...steps], failure }
        : old,
    );
    await records.plansOfRecovery.update(plan, (old) => withRunEnded(old, operation, !failure, now));
    return null;
  },
} satisfies Partial<Implementations>;
