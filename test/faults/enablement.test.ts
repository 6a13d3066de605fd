import { tableOf } from "./suite.ts";

const { enablement } = await import("./steps.ts");

tableOf("enablement with a warm replica", 2, { before: [], step: enablement("warm") });
