import { needlessOf } from "../../engine/recovery/commit.ts";
import { endpointOf } from "../../engine/recovery/item.ts";
import { withRebuild } from "../../engine/recovery/replicating.ts";
import { dropCheckpoints } from "../../engine/replication/checkpoints.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { lookFor } from "./made-parts.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const commitActivities = {
  async planCommit({ machine, operation }, { services }) {
    const { records, target, clock } = services;
    const item = await itemOf(services, machine);
    const job = (await records.jobs.get(operation))?.value;
    const { parts, removed } = await lookFor(services, item, needlessOf(item), job?.removed);
    if (removed) await records.jobs.update(operation, (old) => ({ ...old, removed }));
    const replica = item.target?.replica;
    if (replica) {
      // Before it goes: whoever is to bring the replica anywhere from now on makes it anew.
      await records.progress.update(machine, (old) => withRebuild(old, clock.now()));
      await dropCheckpoints(target, services.pagesAt(endpointOf(replica)), machine, 0);
    }
    await dropRebuilds(target, machine);
    return { parts };
  },
} satisfies Partial<Implementations>;
