import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, failoverInSize, failoverRefused } = await import("./steps.ts");

const before = [enablement("warm"), surroundings, failoverRefused];
tableOf("failover in another size", 2, { before, step: failoverInSize });
