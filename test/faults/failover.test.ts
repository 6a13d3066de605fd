import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, failover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings];
tableOf("failover by import", 2, { before, step: failover });
