import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { LEFT_BEHIND, disablement, enablement } = await import("./steps.ts");

const before = [enablement("warm"), surroundings];
tableOf("disable", 2, { before, step: disablement, leaves: LEFT_BEHIND });
