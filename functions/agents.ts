import { heartbeatRequest, registerRequest } from "../engine/contract/agent-api.ts";
import type { HeartbeatResponse, RegisterResponse } from "../engine/contract/agent-api.ts";
import { type MachineId, machineId } from "../engine/core/ids.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { BarriersRecord } from "../engine/recovery/agent-record.ts";
import { withHeartbeat } from "../engine/recovery/agent-record.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { STATES } from "../engine/recovery/state.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import { type CacheAccess, cacheAccess, renewalDue } from "./cache-access.ts";
import { ensureReplicate, wakeReplicate } from "./durable.ts";
import { generationFor } from "./generations.ts";
import { type Call, type DurableCall, bodyOf, durableRoute } from "./http.ts";
import type { Services } from "./services.ts";

const agent = { method: "POST", role: "Agent", versioned: false } as const;

durableRoute("registerAgent", { ...agent, path: "agents/{machine}/register" }, async (call) => {
  const item = await itemFor(call);
  const request = await bodyOf(call.request, registerRequest);
  if (!STATES[item.state].replicating)
    throw new LeewardError("AgentFenced", `machine ${item.machine} is ${item.state}: its journal is closed`);
  checkDisks(item, request.disks);
  const { machine } = item;
  const progress = await generationFor(call.services.records, machine, request.resume);
  const access = await cacheAccess(call.services, item);
  await noteRegistration(call.services, machine, request.agentVersion, access);
  await ensureReplicate(call.client, machine);
  const answer: RegisterResponse = {
    machine,
    generation: progress.arrived.generation,
    from: progress.from,
    dataKey: dataKeyBytes(await call.services.keyOf(machine)).toString("base64"),
    cache: access,
    policy: capturePolicy(item),
  };
  return { jsonBody: answer };
});

durableRoute("heartbeat", { ...agent, path: "agents/{machine}/heartbeat" }, async (call) => {
  const item = await itemFor(call);
  const { agentVersion, time: at, barriers, ...beat } = await bodyOf(call.request, heartbeatRequest);
  const policy = capturePolicy(item);
  const active = STATES[item.state].replicating && beat.generation === item.generation;
  if (!active) return { jsonBody: { active, policy, barriers: [] } satisfies HeartbeatResponse };
  const { machine } = item;
  const now = call.services.clock.now();
  const known = await call.services.records.agents.update(machine, (old) => ({
    ...withHeartbeat(old, { ...beat, at }, now),
    version: agentVersion,
  }));
  const renewed = renewalDue(now, known.accessUntil) && (await renew(call.services, item));
  await hurryReplication(call, machine, beat.cachedNext);
  const answer: HeartbeatResponse = {
    active,
    policy,
    barriers: await barriersFor(
      call.services,
      machine,
      barriers.map(({ id }) => id),
    ),
    ...(renewed && { cache: renewed }),
  };
  return { jsonBody: answer };
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

/** The journal's disks are those that were enabled: another set, or another size, is another machine. */
function checkDisks(
  { source, machine }: ItemRecord,
  disks: readonly { index: number; size: number }[],
): void {
  const enabled = source?.disks ?? [];
  const same =
    enabled.length === disks.length &&
    enabled.every(({ index, size }, at) => disks[at]?.index === index && disks[at]?.size === size);
  if (same) return;
  const said = enabled.map(({ index, size }) => `${index}: ${size} bytes`).join(", ");
  throw new LeewardError("InvalidRequest", `disks: machine ${machine} was enabled with these: ${said}`);
}

const capturePolicy = ({ policy: { sealBytes, sealAge, heartbeatEvery } }: ItemRecord) => ({
  sealBytes,
  sealAge,
  heartbeatEvery,
});

async function noteRegistration(
  { records, clock }: Services,
  machine: MachineId,
  version: string,
  { expires: accessUntil }: CacheAccess,
): Promise<void> {
  const registeredAt = clock.now();
  await records.agents.upsert(machine, (old) => ({
    ...old,
    format: 1,
    machine,
    version,
    registeredAt,
    accessUntil,
  }));
}

async function renew(services: Services, item: ItemRecord): Promise<CacheAccess> {
  const access = await cacheAccess(services, item);
  await services.records.agents.update(item.machine, (old) => ({ ...old, accessUntil: access.expires }));
  return access;
}

/** Barriers that the agent has not set yet; those that it lists are noted as set. */
async function barriersFor(
  { records }: Services,
  machine: MachineId,
  listed: readonly string[],
): Promise<HeartbeatResponse["barriers"]> {
  const found = await records.barriers.get(machine);
  if (!found || found.value.pending.every(({ set }) => set)) return [];
  const { pending } = await records.barriers.update(machine, (old) => markSet(old, listed));
  return pending.filter(({ set }) => !set).map(({ id, consistency }) => ({ id, consistency }));
}

function markSet(old: BarriersRecord, listed: readonly string[]): BarriersRecord {
  if (!old.pending.some(({ id, set }) => !set && listed.includes(id))) return old;
  return {
    ...old,
    pending: old.pending.map((one) => (listed.includes(one.id) ? { ...one, set: true } : one)),
  };
}

/** Replication that waits on its ladder goes on as soon as an agent that reaches the cache says that there is more. */
async function hurryReplication(
  { services, client }: DurableCall,
  machine: MachineId,
  next: number,
): Promise<void> {
  const progress = await services.records.progress.get(machine);
  const problem = progress?.value.problem;
  if (problem && !problem.stopped && next > progress.value.arrived.next) await wakeReplicate(client, machine);
}
