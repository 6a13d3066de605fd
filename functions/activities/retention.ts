import { noRetention, withProblem } from "../../engine/recovery/retention-record.ts";
import { compactFor } from "./compaction.ts";
import { healing } from "./healing.ts";
import { releaseLeft } from "./replication.ts";
import { sweepFor } from "./sweeping.ts";
import { thinFor } from "./thinning.ts";
import type { Implementations } from "./tools.ts";

export const retentionActivities = {
  async thin({ machine }, { services }) {
    return { state: await healing(services, machine, () => thinFor(services, machine)) };
  },

  async compact({ machine }, { services }) {
    return { state: await healing(services, machine, () => compactFor(services, machine)) };
  },

  async sweep({ machine }, { services }) {
    const state = await healing(services, machine, () => sweepFor(services, machine));
    if (state === "done") await releaseLeft(services, machine);
    return { state };
  },

  async noteRetention({ machine, problem }, { services }) {
    const now = services.clock.now();
    await services.records.retention.upsert(machine, (old = noRetention(machine)) =>
      withProblem(old, problem, now),
    );
    return null;
  },
} satisfies Partial<Implementations>;
