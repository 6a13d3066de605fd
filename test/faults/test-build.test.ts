import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, testFailover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings];
tableOf("test failover by import", 2, { before, step: testFailover });
