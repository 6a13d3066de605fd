import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import { type Generation, type Ordinal, generation } from "../engine/core/units.ts";
import { reportedBy } from "../engine/recovery/agent-record.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import type { Reported } from "../engine/recovery/losses.ts";
import type { ProgressRecord } from "../engine/recovery/progress.ts";
import type { AllRecords } from "../engine/recovery/records.ts";
import { beginGeneration } from "../engine/recovery/replicating.ts";
import { type Beginning, endedFor } from "../engine/recovery/resync.ts";
import type { ResyncReason } from "../engine/recovery/resync-request.ts";
import { STATES } from "../engine/recovery/state.ts";
import type { Services } from "./services.ts";

/** Who registers. */
interface Registering {
  readonly machine: MachineId;
  /** Identity of its agent, where only that one may: the item may be another's by the time a late call comes to its end. */
  readonly principal?: string | undefined;
}

interface Resume {
  readonly generation: Generation;
  readonly next: Ordinal;
}

/**
 * The generation that a registering agent writes: its own while it can go on without a hole behind what has arrived,
 * otherwise a new one. The item's record issues it by compare-and-swap.
 * @param beginningFor on what a generation stands that was issued just now; on empty disks when it says nothing
 * @param told what the agent says of the generation that it cannot go on with, if it does
 * @throws AgentFenced when the machine was failed over meanwhile, or is another one's by now
 */
export async function generationFor(
  records: AllRecords,
  { machine, principal }: Registering,
  resume: Resume | undefined,
  beginningFor: (
    item: ItemRecord,
    old: ProgressRecord | undefined,
  ) => Promise<Beginning | undefined> = nothing,
  told?: Reported,
): Promise<ProgressRecord> {
  const key = itemKeyOf(machine);
  const item = (await records.items.get(key))?.value;
  if (!item) throw new LeewardError("NotFound", `there is no protected item of machine ${machine}`);
  const found = (await records.progress.get(machine))?.value;
  mustReplicate(item, principal);
  if (found && resume && goesOn(item, found, resume)) return found;
  if (!found) {
    const first = beginGeneration(machine, item.generation, undefined);
    if (await created(records, first)) return first;
  }
  const issuedFor = await records.items.update(key, (old) => issueNext(old, principal));
  const { generation: issued } = issuedFor;
  // The base is written down before the record says that the generation has begun, and so before anyone writes it.
  const beginning = await beginningFor(issuedFor, found);
  const reported = told ?? reportedBy((await records.agents.get(machine))?.value);
  return records.progress.upsert(machine, (old) =>
    old && old.arrived.generation >= issued
      ? old
      : beginGeneration(machine, issued, old, beginning, reported),
  );
}

const nothing = () => Promise.resolve(undefined);

const goesOn = (item: ItemRecord, { arrived }: ProgressRecord, resume: Resume): boolean =>
  resume.generation === item.generation &&
  resume.generation === arrived.generation &&
  resume.next >= arrived.next;

/**
 * Ends the generation, if it is the present one still: the agent's next heartbeat tells it, so it registers anew and gets
 * the next, which begins with a comparison.
 */
export const endGeneration = (
  { records, clock }: Pick<Services, "records" | "clock">,
  { machine, generation: of }: Pick<ItemRecord, "machine" | "generation">,
  reason: ResyncReason,
): Promise<ItemRecord> =>
  records.items.update(itemKeyOf(machine), (old) =>
    old.generation === of && STATES[old.state].replicating
      ? endedFor(old, { reason, requestedAt: clock.now() })
      : old,
  );

/** By compare-and-swap, so that no number is given to two. */
function issueNext({ unissued, ...item }: ItemRecord, principal: string | undefined): ItemRecord {
  mustReplicate(item, principal);
  return unissued === item.generation ? item : { ...item, generation: generation(item.generation + 1) };
}

function mustReplicate({ machine, state, source }: ItemRecord, principal: string | undefined): void {
  if (!STATES[state].replicating)
    throw new LeewardError("AgentFenced", `machine ${machine} is ${state}: its journal is closed`);
  if (principal !== undefined && source?.principal !== principal)
    throw new LeewardError("AgentFenced", `machine ${machine} runs elsewhere by now: its journal is closed`);
}

async function created(records: AllRecords, first: ProgressRecord): Promise<boolean> {
  try {
    await records.progress.create(first.machine, first);
    return true;
  } catch (error) {
    if (hasCode(error, "ObjectExists")) return false;
    throw error;
  }
}
