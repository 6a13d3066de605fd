import { drillRequest } from "../engine/contract/drill.ts";
import { toIso } from "../engine/core/clock.ts";
import { verdictView } from "./drill-view.ts";
import { findItem } from "./find-item.ts";
import { bodyIfAny, durableRoute, route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";
import { testFailOver } from "./test-failover.ts";
import { sliceOf } from "./vault/paging.ts";

durableRoute(
  "beginDrill",
  { method: "POST", path: `${PATHS.item}/leewardDrill`, role: "Operator", versioned: true },
  async (call) => {
    const { properties } = await bodyIfAny(call.request, drillRequest);
    return testFailOver(call, properties, { drill: true });
  },
);

/** Newest first. */
route(
  "listDrills",
  { method: "GET", path: `${PATHS.item}/leewardDrills`, role: "Reader", versioned: true },
  async (call) => {
    const { drills = [] } = await findItem(call.services, itemIn(call.request));
    const { page, nextLink } = sliceOf(call, drills, ({ startTime }) => toIso(startTime), {
      descending: true,
    });
    return { jsonBody: { value: page.map(verdictView), nextLink } };
  },
);
