import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, testCleanup, testFailover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings, testFailover];
tableOf("clean-up of a test", 2, { before, step: testCleanup });
