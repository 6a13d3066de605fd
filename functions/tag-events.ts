import { eventGridEvents } from "../engine/contract/event-grid.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { takeEvents } from "./tagged.ts";

/** Where Event Grid delivers: infra/app/tag-events.bicep. */
durableRoute(
  "tagEvents",
  { method: "POST", path: "events", role: "Events", versioned: false },
  async (call) => ({
    jsonBody: await takeEvents(call, await bodyOf(call.request, eventGridEvents)),
  }),
);
