import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablement, failover } = await import("./steps.ts");

const before = [enablement("warm"), surroundings];
// What cannot be imported is rebuilt from the journal: no managed disk that is uploaded is smaller.
const otherwise = /^PUT .*\/disks\//;
tableOf("failover by import", 20, { before, step: failover, otherwise });
