import { heartbeatRequest, registerRequest } from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type MachineId, machineId } from "../engine/core/ids.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { heartbeat, registerAgent } from "./agent-calls.ts";
import { type Call, bodyOf, durableRoute } from "./http.ts";

const agent = { method: "POST", role: "Agent", versioned: false } as const;

durableRoute("registerAgent", { ...agent, path: "agents/{machine}/register" }, async (call) => {
  const item = await itemFor(call);
  return { jsonBody: await registerAgent(call, item, await bodyOf(call.request, registerRequest)) };
});

durableRoute("heartbeat", { ...agent, path: "agents/{machine}/heartbeat" }, async (call) => {
  const item = await itemFor(call);
  return { jsonBody: await heartbeat(call, item, await bodyOf(call.request, heartbeatRequest)) };
});

/** The item, if the caller is the identity of its VM. @throws NotFound, Forbidden */
async function itemFor({ services, caller, param }: Call): Promise<ItemRecord> {
  const machine = parseMachine(param("machine"));
  const found = await services.records.items.get(itemKeyOf(machine));
  if (found?.value.machine !== machine) throw unknown(machine);
  const { source } = found.value;
  if (source?.principal !== caller.principal)
    throw new LeewardError("Forbidden", `the token is not of the identity of machine ${machine}`);
  return found.value;
}

const unknown = (machine: string) =>
  new LeewardError("NotFound", `there is no machine ${JSON.stringify(machine.slice(0, 100))}`);

function parseMachine(text: string): MachineId {
  try {
    return machineId(text);
  } catch {
    throw unknown(text);
  }
}
