import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { disablement, enablement, failover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings, failover];
// The machine's own region is one that may be gone: what does not answer there is left, and named.
const gives = {
  call: /resourcegroups\/shop\/|locations\/westeurope\//,
  lines: [/^jobs disable: (deleted|left)/, /^storageAccounts .*resourcegroups\/shop\//],
};
tableOf("disable behind a failover", 2, { before, step: disablement, gives });
