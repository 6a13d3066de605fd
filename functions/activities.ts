import { app, getClient, input } from "durable-functions";
import type { InvocationContext } from "@azure/functions";
import type { ActivityName, InputOf } from "../orchestrations/contract.ts";
import { encodeFailure } from "../orchestrations/failure.ts";
import { agentActivities } from "./activities/agent.ts";
import { rolloutActivities } from "./activities/agent-rollout.ts";
import { bootActivities } from "./activities/boot.ts";
import { captureActivities } from "./activities/capture.ts";
import { cancelActivities } from "./activities/cancel.ts";
import { commitActivities } from "./activities/commit.ts";
import { diskRoadActivities } from "./activities/disk-road.ts";
import { diskActivities } from "./activities/disks.ts";
import { lossActivities } from "./activities/losses.ts";
import { failoverActivities } from "./activities/failover.ts";
import { fitActivities } from "./activities/fit.ts";
import { groupActivities } from "./activities/group.ts";
import { jobActivities } from "./activities/jobs.ts";
import { journalActivities } from "./activities/journal.ts";
import { nicActivities } from "./activities/nic.ts";
import { removalActivities } from "./activities/removal.ts";
import { replicationActivities } from "./activities/replication.ts";
import { retentionActivities } from "./activities/retention.ts";
import { resyncActivities } from "./activities/resync.ts";
import { planActivities } from "./activities/recovery-plan.ts";
import { reverseActivities } from "./activities/reverse.ts";
import { shutDownActivities } from "./activities/shut-down.ts";
import { sourceActivities } from "./activities/source.ts";
import { testActivities } from "./activities/testing.ts";
import { targetActivities } from "./activities/target.ts";
import { networkActivities } from "./activities/network.ts";
import type { Implementations } from "./activities/tools.ts";
import { verificationActivities } from "./activities/verification.ts";
import { vmActivities } from "./activities/vm.ts";
import { services } from "./services.ts";

/** The whole contract: a missing activity, or one of the wrong type, does not compile. */
export const activities: Implementations = {
  ...agentActivities,
  ...bootActivities,
  ...captureActivities,
  ...cancelActivities,
  ...commitActivities,
  ...diskActivities,
  ...diskRoadActivities,
  ...failoverActivities,
  ...fitActivities,
  ...groupActivities,
  ...lossActivities,
  ...jobActivities,
  ...journalActivities,
  ...nicActivities,
  ...removalActivities,
  ...replicationActivities,
  ...resyncActivities,
  ...retentionActivities,
  ...rolloutActivities,
  ...planActivities,
  ...reverseActivities,
  ...shutDownActivities,
  ...sourceActivities,
  ...targetActivities,
  ...testActivities,
  ...networkActivities,
  ...verificationActivities,
  ...vmActivities,
};

const client = input.durableClient();

function register<Name extends ActivityName>(name: Name): void {
  const run: Implementations[Name] = activities[name];
  app.activity(name, {
    extraInputs: [client],
    handler: async (found: InputOf<Name>, context: InvocationContext) => {
      const durable = getClient(context);
      try {
        return await run(found, { services: await services(), client: durable });
      } catch (error) {
        // The durable boundary keeps only the text, so the code goes into it.
        throw new Error(encodeFailure(error), { cause: error });
      }
    },
  });
}

const isActivity = (name: string): name is ActivityName => Object.hasOwn(activities, name);

Object.keys(activities).filter(isActivity).forEach(register);
