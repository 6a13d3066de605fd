import { LeewardError } from "../../engine/core/errors.ts";
import { builtBy, builtPart } from "../../engine/recovery/cancel.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { lookFor, removeMade } from "./made-parts.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const cancelActivities = {
  async planCancel({ machine, operation }, { services }) {
    const item = await itemOf(services, machine);
    const job = (await services.records.jobs.get(operation))?.value;
    const { parts, removed } = await lookFor(services, item, builtBy(item), job?.removed);
    await dropRebuilds(services.target, machine);
    if (removed) await services.records.jobs.update(operation, (old) => ({ ...old, removed }));
    return { parts };
  },

  /** Of what went meanwhile nothing is left to do. */
  async removeBuilt({ machine, part }, { services }) {
    const item = await itemOf(services, machine);
    const built = builtPart(item, part);
    if (!built) throw new LeewardError("NotFound", `the failover of ${machine} built no ${part.kind}`);
    return removeMade(services, services.arm.urgent, item, built);
  },
} satisfies Partial<Implementations>;
