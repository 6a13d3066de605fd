import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, failover, failoverCancel } = await import("./steps.ts");

const before = [enablement("warm"), surroundings, failover];
tableOf("failover taken back", 2, { before, step: failoverCancel });
