import { app } from "@azure/functions";
import { services } from "../services.ts";
import { noteEvents } from "./event-log.ts";
import { applyPolicy } from "./policies.ts";

/** The log of what happened, and policies that a process wrote which died before it told their items. */
app.timer("vaultTimer", {
  schedule: "%LEEWARD_POINT_SCHEDULE%",
  handler: async () => {
    const found = await services();
    await noteEvents(found);
    for await (const policy of found.records.policies.list()) await applyPolicy(found, policy);
  },
});
