import { generationFor } from "../../functions/generations.ts";
import { uploadSegment } from "../../agent/upload.ts";
import { hasCode } from "../../engine/core/errors.ts";
import { bytes } from "../../engine/core/units.ts";
import { segmentName } from "../../engine/journal/names.ts";
import { startOf } from "../../engine/journal/position.ts";
import { type Heartbeat, withHeartbeat } from "../../engine/recovery/agent-record.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { itemOf } from "../../functions/activities/tools.ts";
import type { Plane } from "./control-plane.ts";
import { MACHINE } from "./machine.ts";
import type { World } from "./world.ts";

/** What the agent does over the network; each may die between two calls, and be done twice at once. */

/** `POST …/register`: asks for a generation, its own where the journal can go on. */
export async function register(world: World, { services, step }: Plane): Promise<void> {
  const { source } = world;
  const own = world.lostPlace ? undefined : source.cached;
  const keeps =
    step === "same-generation" ? (await services.records.progress.get(MACHINE))?.value : undefined;
  const progress = keeps ?? (await generationFor(services.records, MACHINE, own).catch(fenced));
  if (!progress) {
    world.retired = true;
    return;
  }
  const now = services.clock.now();
  await services.records.agents.upsert(MACHINE, (old) => ({
    ...old,
    format: 1,
    machine: MACHINE,
    version: "1",
    registeredAt: now,
    accessUntil: now,
  }));
  const { generation } = progress.arrived;
  if (own?.generation !== generation) source.begin(startOf(generation, progress.from));
  world.registered = true;
  world.lostPlace = false;
}

function fenced(error: unknown): undefined {
  if (!hasCode(error, "AgentFenced")) throw error;
}

/** Uploads the spool, several segments at once, and forgets them in order. */
export async function upload(world: World, { stores }: Plane): Promise<void> {
  const { source } = world;
  const some = source.spool.slice(0, 3);
  const names = some.map(({ header }) => segmentName(MACHINE, header.generation, header.ordinal));
  const uploads = some.map(({ bytes: body }, i) => uploadSegment(stores.cache, names[i] ?? "", body));
  for (const one of uploads) one.catch(() => undefined);
  for (const [i, segment] of some.entries()) {
    try {
      await uploads[i];
    } catch (error) {
      if (!hasCode(error, "SpoolDamaged")) throw error;
      world.lostPlace ||= source.spool[0] === segment;
      world.registered &&= !world.lostPlace;
      return;
    }
    await world.auditor.cached(names[i] ?? "");
    source.noteCached(segment);
  }
}

/** `POST …/heartbeat`, and what the agent makes of its answer. */
export async function heartbeat(world: World, { services }: Plane): Promise<void> {
  const beat = beatOf(world);
  if (!beat) return;
  const item = await itemOf(services, MACHINE);
  if (!STATES[item.state].replicating) {
    world.retired = true;
  } else if (beat.generation === item.generation) {
    await services.records.agents.update(MACHINE, (old) => withHeartbeat(old, beat, services.clock.now()));
  } else if (world.source.cached?.generation === beat.generation) {
    world.registered = false;
  }
}

function beatOf({ source }: World): Heartbeat | undefined {
  const reported = source.reported();
  if (!reported) return undefined;
  const { at, captured, cached } = reported;
  const nothing = bytes(0);
  return {
    generation: captured.generation,
    mode: source.copied ? "streaming" : "initial-copy",
    at,
    captured,
    cached,
    cachedNext: cached.next,
    backlog: { segments: source.spool.length, bytes: nothing },
    uploaded: nothing,
    initialCopy: { done: nothing, total: nothing, rate: nothing },
  };
}
