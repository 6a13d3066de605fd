import type {
  HeartbeatRequest,
  HeartbeatResponse,
  RegisterRequest,
  RegisterResponse,
} from "../engine/contract/agent-api.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type MachineId, machineId } from "../engine/core/ids.ts";
import type { Generation, Micros } from "../engine/core/units.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import type { BarriersRecord } from "../engine/recovery/agent-record.ts";
import { withHeartbeat } from "../engine/recovery/agent-record.ts";
import { type BarrierReport, wantedOf, withReport } from "../engine/recovery/barriers.ts";
import { sealBytesOf } from "../engine/recovery/churn.ts";
import { withCounted } from "../engine/recovery/flow.ts";
import { grownAmong, withGrown } from "../engine/recovery/disk-size.ts";
import { type ItemRecord, endpointOf, itemKeyOf, targetOf } from "../engine/recovery/item.ts";
import type { Reported } from "../engine/recovery/losses.ts";
import type { ProgressRecord } from "../engine/recovery/progress.ts";
import { beginningOn, reasonOf, resyncDue } from "../engine/recovery/resync.ts";
import { STATES, isLeaving } from "../engine/recovery/state.ts";
import { type CacheAccess, renewalDue } from "./cache-access.ts";
import { baseFor, checkDisks, recordedIn } from "./agent-disks.ts";
import { chooseBase } from "./base-choice.ts";
import { ensureReplicate, ensureResync, wakeReplicate } from "./durable.ts";
import { generationFor } from "./generations.ts";
import type { DurableCall } from "./http.ts";
import type { Services } from "./services.ts";

/** What the agent's calls need of an authorized call. */
type Talk = Pick<DurableCall, "services" | "client">;

/** The item, if the caller is the identity of its VM. @throws NotFound, Forbidden */
export async function itemOfAgent(
  { records }: Services,
  named: string,
  principal: string,
): Promise<ItemRecord> {
  const machine = parseMachine(named);
  const found = await records.items.get(itemKeyOf(machine));
  if (found?.value.machine !== machine) throw unknown(machine);
  const { source } = found.value;
  if (source?.principal !== principal)
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

/** Gives the agent its generation, the key and access to the cache. @throws AgentFenced, InvalidRequest */
export async function registerAgent(
  { services, client }: Talk,
  item: ItemRecord,
  request: RegisterRequest,
): Promise<RegisterResponse> {
  if (!STATES[item.state].replicating)
    throw new LeewardError("AgentFenced", `machine ${item.machine} is ${item.state}: its journal is closed`);
  checkDisks(item, request);
  const { machine } = item;
  if (grownAmong(item, request.disks).length > 0)
    await services.records.items.update(itemKeyOf(machine), (old) =>
      STATES[old.state].replicating ? withGrown(old, request.disks, services.clock.now()) : old,
    );
  const beginning = async (issued: ItemRecord, old: ProgressRecord | undefined) => {
    const kept = request.compares === true ? await chooseBase(services, issued, old) : undefined;
    const reason = reasonOf(issued, old, request.crashed);
    return beginningOn(kept, old, reason, services.clock.now());
  };
  const { resume, ended } = request;
  const told = ended && endedIn(ended, services.clock.now());
  const who = { machine, principal: item.source?.principal };
  const progress = await generationFor(services.records, who, resume, beginning, told);
  const { resync } = progress;
  // The set of disks may have changed since the call began: that of the generation stands in the record that issued it.
  const now = (await services.records.items.get(itemKeyOf(machine)))?.value ?? item;
  checkDisks(now, request);
  const access = await services.cacheAccess(endpointOf(targetOf(item).cache));
  await noteRegistration(services, machine, request, access);
  await ensureReplicate(client, machine);
  if (resyncDue(progress) === "offer") await ensureResync(client, machine);
  return {
    machine,
    generation: progress.arrived.generation,
    from: progress.from,
    ...(resync?.base && { base: baseFor(now, resync) }),
    ...(request.chooses && { record: recordedIn(now, progress.arrived.generation) }),
    dataKey: dataKeyBytes(await services.keyOf(machine)).toString("base64"),
    cache: access,
    policy: capturePolicy(item),
  };
}

function endedIn(
  { generation, captured, unrecorded }: NonNullable<RegisterRequest["ended"]>,
  at: Micros,
): Reported {
  const mark = { ...captured, generation };
  return { at, captured: mark, cached: mark, ...(unrecorded && { unrecorded }) };
}

/** Takes the agent's figures, and answers with what it is to do. */
export async function heartbeat(
  { services, client }: Talk,
  item: ItemRecord,
  { agentVersion, time: at, barriers, refused, disks, ...beat }: HeartbeatRequest,
): Promise<HeartbeatResponse> {
  const policy = capturePolicy(item);
  const active = STATES[item.state].replicating && beat.generation === item.generation;
  const { machine } = item;
  if (isLeaving(item.state)) return { ...(await dismissed(services, machine)), policy, barriers: [] };
  if (!active) return { active, policy, barriers: [] };
  const now = services.clock.now();
  const progress = (await services.records.progress.get(machine))?.value;
  const arrived = progress?.arrived.bytes;
  const counted = { captured: beat.captured.bytes, cached: beat.cached.bytes, arrived, disks };
  const known = await services.records.agents.update(machine, (old) => ({
    ...withHeartbeat(old, { ...beat, at }, now),
    version: agentVersion,
    flow: withCounted(old.flow, counted, now),
  }));
  const renewed = renewalDue(now, known.accessUntil, beat.problem?.code) && (await renew(services, item));
  await hurryReplication(client, progress, beat.cachedNext);
  return {
    active,
    policy,
    barriers: (
      await barriersFor(services, machine, { generation: beat.generation, set: barriers, refused })
    ).filter(
      // It became a point whose maker died before it said so: set again, it would be another point of that id.
      ({ id }) => id !== progress?.point?.id,
    ),
    time: services.clock.now(),
    ...arrivedOf(progress, beat.generation),
    ...(renewed && { cache: renewed }),
  };
}

/** Whoever empties the cache waits until the agent knows that nothing of it is wanted any more. */
async function dismissed({ records, clock }: Services, machine: MachineId) {
  if (await records.agents.get(machine))
    await records.agents.update(machine, (old) =>
      old.dismissedAt ? old : { ...old, dismissedAt: clock.now() },
    );
  return { active: false, over: true };
}

/** What the agent need not keep any longer, and what it is to send again. */
const arrivedOf = (progress: ProgressRecord | undefined, of: Generation) =>
  progress?.arrived.generation === of && {
    arrived: progress.arrived.next,
    again: progress.wanted?.ordinals ?? [],
    ...(progress.point?.generation === of && { point: progress.point.id }),
  };

const capturePolicy = ({
  policy: { sealAge, heartbeatEvery, retryLadder, resync, ...policy },
}: ItemRecord) => ({
  resyncRate: resync.rate,
  sealBytes: sealBytesOf(policy),
  sealAge,
  heartbeatEvery,
  retryLadder,
});

async function noteRegistration(
  { records, clock }: Services,
  machine: MachineId,
  { agentVersion: version, disks, chooses }: RegisterRequest,
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
    serves: chooses ? disks : undefined,
  }));
}

async function renew(services: Services, item: ItemRecord): Promise<CacheAccess> {
  const access = await services.cacheAccess(endpointOf(targetOf(item).cache));
  await services.records.agents.update(item.machine, (old) => ({ ...old, accessUntil: access.expires }));
  return access;
}

/** Barriers that the agent has not heard of yet; what it says of the others is noted. */
async function barriersFor(
  { records, clock }: Services,
  machine: MachineId,
  report: BarrierReport,
): Promise<HeartbeatResponse["barriers"]> {
  const found = await records.barriers.get(machine);
  const now = clock.now();
  if (!found || withReport(found.value, report, now) === found.value) return requestsOf(found?.value);
  return requestsOf(await records.barriers.update(machine, (old) => withReport(old, report, now)));
}

const requestsOf = (record: BarriersRecord | undefined): HeartbeatResponse["barriers"] =>
  (record ? wantedOf(record) : []).map(({ id, consistency, otherwise, instant }) => ({
    id,
    consistency,
    otherwise,
    ...(instant && { instant }),
  }));

/** Replication that waits on its ladder goes on as soon as an agent that reaches the cache says that there is more. */
async function hurryReplication(
  client: Talk["client"],
  progress: ProgressRecord | undefined,
  next: number,
): Promise<void> {
  const problem = progress?.problem;
  if (problem && !problem.stopped && next > progress.arrived.next)
    await wakeReplicate(client, progress.machine);
}
