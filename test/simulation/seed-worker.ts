import type { SeedTask } from "./pool.ts";
import { simulate } from "./simulation.ts";

/** Lives one seed for each message, and answers with its run. */
process.on("message", ({ seed, steps, mutation }: SeedTask) => {
  void simulate(seed, steps, mutation).then((run) => process.send?.(run));
});
process.on("disconnect", () => process.exit());
