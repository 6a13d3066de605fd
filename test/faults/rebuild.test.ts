import { tableOf } from "./suite.ts";

const { enablement, failover } = await import("./steps.ts");

// No managed disk that is uploaded is smaller.
tableOf("failover from the journal", 20, { before: [enablement("none")], step: failover });
