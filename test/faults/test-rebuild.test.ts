import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, testFailover } = await import("./steps.ts");

const before = [enablement("none"), surroundings];
// No managed disk that is uploaded is smaller.
tableOf("test failover from the journal", 20, { before, step: testFailover });
