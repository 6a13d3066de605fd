import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, failover } = await import("./steps.ts");

const before = [enablement("none"), surroundings];
// No managed disk that is uploaded is smaller.
tableOf("failover from the journal", 20, { before, step: failover });
