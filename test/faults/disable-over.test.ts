import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { disablement, enablement, failover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings, failover];
tableOf("disable behind a failover", 2, { before, step: disablement });
