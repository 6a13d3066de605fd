import { handoverRequest, heartbeatRequest, registerRequest } from "../engine/contract/agent-api.ts";
import { heartbeat, itemOfAgent, registerAgent } from "./agent-calls.ts";
import { handOver } from "./handover.ts";
import { bodyOf, durableRoute } from "./http.ts";

const agent = { method: "POST", role: "Agent", versioned: false } as const;

durableRoute("registerAgent", { ...agent, path: "agents/{machine}/register" }, async (call) => {
  const item = await itemOfAgent(call.services, call.param("machine"), call.caller.principal);
  return { jsonBody: await registerAgent(call, item, await bodyOf(call.request, registerRequest)) };
});

durableRoute("heartbeat", { ...agent, path: "agents/{machine}/heartbeat" }, async (call) => {
  const item = await itemOfAgent(call.services, call.param("machine"), call.caller.principal);
  return { jsonBody: await heartbeat(call, item, await bodyOf(call.request, heartbeatRequest)) };
});

durableRoute("handover", { ...agent, path: "agents/{machine}/handover" }, async (call) => {
  const item = await itemOfAgent(call.services, call.param("machine"), call.caller.principal);
  return { jsonBody: await handOver(call.services, item, await bodyOf(call.request, handoverRequest)) };
});
