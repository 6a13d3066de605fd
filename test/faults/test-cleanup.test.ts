import { tableOf } from "./suite.ts";

const { enablement, testCleanup, testFailover } = await import("./steps.ts");

tableOf("clean-up of a test", 2, { before: [enablement("warm"), testFailover], step: testCleanup });
