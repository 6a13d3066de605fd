import { tableOf } from "./suite.ts";

const { enablement, failover } = await import("./steps.ts");

tableOf("failover by import", 2, { before: [enablement("warm")], step: failover });
