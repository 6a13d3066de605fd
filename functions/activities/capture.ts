import { randomUUID } from "node:crypto";
import type { DurableClient } from "durable-functions";
import { resumeOf } from "../../engine/capture/capture-state.ts";
import { type CaptureTurn, captureTurn } from "../../engine/capture/image-capture.ts";
import { AGENT_VERSION } from "../../engine/contract/agent-version.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type BarrierId, type MachineId, barrierId } from "../../engine/core/ids.ts";
import { type Micros, bytes, millis, sequence } from "../../engine/core/units.ts";
import { markOf, startOf } from "../../engine/journal/position.ts";
import type { AgentRecord, BarriersRecord, Heartbeat } from "../../engine/recovery/agent-record.ts";
import { wantedOf, withReport } from "../../engine/recovery/barriers.ts";
import { sealBytesOf } from "../../engine/recovery/churn.ts";
import { disksIn, withGrown } from "../../engine/recovery/disk-size.ts";
import { type ItemRecord, endpointOf, itemKeyOf, targetOf } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { beginningOn, reasonOf, resyncDue } from "../../engine/recovery/resync.ts";
import { STATES, isLeaving } from "../../engine/recovery/state.ts";
import { BaseDigests } from "../../engine/replication/base-digests.ts";
import { chooseBase } from "../base-choice.ts";
import { ensureCapture, ensureReplicate, ensureResync, wakeReplicate } from "../durable.ts";
import { endGeneration, generationFor } from "../generations.ts";
import { dropImages } from "../left-images.ts";
import type { Services } from "../services.ts";
import { diskImages, imagedIn } from "./disk-images.ts";
import { type Implementations, itemOf } from "./tools.ts";
import { turnOf } from "./turn.ts";

/** However long nothing is due: who looks at the machine sees that somebody is there. */
const LONGEST_WAIT = millis(60_000);

export const captureActivities = {
  async startCapture({ machine }, { client }) {
    await ensureCapture(client, machine);
    return null;
  },

  async capture({ machine }, { services, client }) {
    const item = await itemOf(services, machine);
    if (!STATES[item.state].replicating) {
      // Whoever takes protection away lists what it deletes.
      if (!isLeaving(item.state)) await dropImages(services, item);
      return { state: "ended", wait: millis(0) };
    }
    const progress = await begun(services, client, item);
    try {
      const turned = await turn(services, item, progress);
      if (turned.grown.length > 0) {
        await noteGrown(services, item, turned.grown);
        return { state: "going", wait: millis(0) };
      }
      await report(services, item, progress, turned);
      if (turned.state.position.next > progress.arrived.next) await wakeReplicate(client, machine);
      return { state: "going", wait: millis(Math.min(turned.wait, LONGEST_WAIT)) };
    } catch (error) {
      if (!hasCode(error, "ImageLost")) throw error;
      await endGeneration(services, item, "continuity");
      return { state: "going", wait: millis(0) };
    }
  },

  async noteCapture({ machine, problem, stopped }, { services }) {
    const item = await itemOf(services, machine);
    const now = services.clock.now();
    await services.records.agents.upsert(machine, (old) => {
      const beat = old?.heartbeat ?? silent(item, now);
      const mode = stopped ? ("stopped" as const) : beat.mode;
      return { ...record(machine, old, now), heartbeat: { ...beat, mode, problem } };
    });
    return null;
  },
} satisfies Partial<Implementations>;

/** The generation is of smaller disks: the next has them as they are, and compares. */
const noteGrown = (
  { records, clock }: Services,
  { machine, generation: of }: ItemRecord,
  grown: CaptureTurn["grown"],
): Promise<ItemRecord> =>
  records.items.update(itemKeyOf(machine), (old) =>
    old.generation === of && STATES[old.state].replicating ? withGrown(old, grown, clock.now()) : old,
  );

/** As an agent registers: with the generation that it can go on with, or for the next one. */
async function begun(services: Services, client: DurableClient, item: ItemRecord): Promise<ProgressRecord> {
  const { machine } = item;
  const resume = await resumeOf(services.target, machine, item.generation);
  const beginning = async (issued: ItemRecord, old: ProgressRecord | undefined) =>
    beginningOn(await chooseBase(services, issued, old), old, reasonOf(issued, old), services.clock.now());
  const progress = await generationFor(services.records, { machine }, resume, beginning);
  await ensureReplicate(client, machine);
  if (resyncDue(progress) === "offer") await ensureResync(client, machine);
  return progress;
}

async function turn(services: Services, item: ItemRecord, progress: ProgressRecord): Promise<CaptureTurn> {
  const { target, clock } = services;
  const { machine, policy } = item;
  const { arrived, from, resync } = progress;
  const key = await services.keyOf(machine);
  const cache = services.objectsAt(endpointOf(targetOf(item).cache));
  const base = resync?.base;
  const place = base && { machine, generation: arrived.generation, digest: base.digest, id: base.id };
  const barriers = (await services.records.barriers.get(machine))?.value;
  return captureTurn({
    target,
    cache,
    key,
    machine,
    start: startOf(arrived.generation, from, base?.digest),
    arrived,
    base: place && new BaseDigests({ cache: () => cache, key: () => key, place }),
    disks: disksIn(item, arrived.generation),
    images: diskImages(services, imagedIn(item)),
    clock,
    interval: policy.imageInterval,
    wanted: wantedBarrier(barriers, progress),
    newBarrier: () => barrierId(randomUUID()),
    segmentBytes: sealBytesOf(policy),
    enough: turnOf(clock),
  });
}

/** One that no image can be is refused; one that was made, and is not off the list yet, is not made again. */
const wantedBarrier = (
  barriers: BarriersRecord | undefined,
  { point }: ProgressRecord,
): BarrierId | undefined =>
  barriers && wantedOf(barriers).find((one) => whyNot(one) === undefined && one.id !== point?.id)?.id;

function whyNot({ consistency, otherwise, instant }: BarriersRecord["pending"][number]): string | undefined {
  if (instant) return "snapshots cannot be taken at a group's instant";
  return consistency === "application" && otherwise === "skip"
    ? "snapshots are taken without freezing the applications"
    : undefined;
}

/** What an agent would say of itself, in the same records: everything behind capture is the same. */
async function report(
  services: Services,
  item: ItemRecord,
  progress: ProgressRecord,
  turned: CaptureTurn,
): Promise<void> {
  const { machine } = item;
  const now = services.clock.now();
  await services.records.agents.upsert(machine, (old) => ({
    ...record(machine, old, now),
    heartbeat: beatOf(item, progress, turned, now, old),
  }));
  const { base, generation } = turned.state;
  const found = (await services.records.barriers.get(machine))?.value;
  if (!found || found.pending.length === 0) return;
  const refused = found.pending.flatMap((one) => {
    const why = whyNot(one);
    return why === undefined ? [] : [{ id: one.id, why }];
  });
  const set = base ? [{ id: base.barrier, ...crashOnly(found, base.barrier) }] : [];
  await services.records.barriers.update(machine, (old) =>
    withReport(old, { generation, set, refused }, now),
  );
}

const crashOnly = ({ pending }: BarriersRecord, id: BarrierId) =>
  pending.find((one) => one.id === id)?.consistency === "application"
    ? { consistency: "crash" as const, why: "snapshots are taken without freezing the applications" }
    : {};

const record = (machine: MachineId, old: AgentRecord | undefined, now: Micros): AgentRecord => ({
  ...old,
  format: 1,
  machine,
  version: AGENT_VERSION,
  registeredAt: old?.registeredAt ?? now,
  accessUntil: now,
  heardAt: now,
});

function beatOf(
  item: ItemRecord,
  { resync }: ProgressRecord,
  { state, done }: CaptureTurn,
  now: Micros,
  old: AgentRecord | undefined,
): Heartbeat {
  const { base, position, generation, sent, uploaded } = state;
  const mark = base ? base.mark : markOf(position);
  const copying = resync?.base ? ("resync" as const) : ("initial-copy" as const);
  const { initialCopy } = silent(item, now);
  return {
    generation,
    mode: base ? "streaming" : copying,
    at: base?.asked ?? now,
    images: true,
    captured: mark,
    cached: mark,
    cachedNext: position.next,
    backlog: { segments: 0, bytes: bytes(0) },
    uploaded,
    initialCopy: base
      ? { ...initialCopy, done: initialCopy.total, sent, scope: "all" }
      : { ...initialCopy, done, rate: rateOf(old, generation, done, now), sent, scope: "all" },
  };
}

/** Bytes a second since the last report. */
function rateOf(old: AgentRecord | undefined, of: number, done: number, now: Micros) {
  const { heartbeat: beat, heardAt } = old ?? {};
  if (!beat || heardAt === undefined || beat.generation !== of || now <= heardAt) return bytes(0);
  const more = done - beat.initialCopy.done;
  return more > 0 ? bytes(Math.round((more * 1e6) / (now - heardAt))) : beat.initialCopy.rate;
}

/** Nothing is known yet. */
function silent(item: ItemRecord, now: Micros): Heartbeat {
  if (!item.source) throw new LeewardError("Unexpected", `${item.id}: its source was not read yet`);
  const none = bytes(0);
  const mark = markOf(startOf(item.generation, sequence(0)));
  const total = bytes(item.source.disks.reduce((sum, { size }) => sum + size, 0));
  return {
    generation: item.generation,
    mode: "initial-copy",
    at: now,
    images: true,
    captured: mark,
    cached: mark,
    cachedNext: startOf(item.generation, sequence(0)).next,
    backlog: { segments: 0, bytes: none },
    uploaded: none,
    initialCopy: { done: none, total, rate: none },
  };
}
