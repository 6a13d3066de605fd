import { z } from "zod";

/**
 * What a failover does with its source before it fences it: it shuts it down, and carries the rest of its journal over.
 * `required`: it is not failed over before that is done. `attempt`: it is failed over however that goes.
 */
export const shutDown = z.enum(["required", "attempt"]);
export type ShutDown = z.infer<typeof shutDown>;
