import { tableOf } from "./suite.ts";

const { enablement, testFailover } = await import("./steps.ts");

tableOf("test failover by import", 2, { before: [enablement("warm")], step: testFailover });
