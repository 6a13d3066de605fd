import { hasCode } from "../../engine/core/errors.ts";
import { type GroupId, type MachineId, machineId } from "../../engine/core/ids.ts";
import { type Generation, generation } from "../../engine/core/units.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import { type Layer, decodeLayer } from "../../engine/journal/layer-document.ts";
import { NO_POINT } from "../../engine/journal/layer-header.ts";
import {
  groupPointsPrefix,
  journalPrefix,
  layerTwinName,
  parsePointName,
} from "../../engine/journal/names.ts";
import { checkSegment, splitPack } from "../../engine/journal/segment.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { readDoom } from "../../engine/replication/doom.ts";
import { listLayers } from "../../engine/replication/layers.ts";
import { nameOf } from "../../engine/replication/reach.ts";
import { namedBase } from "../../engine/replication/rebuilt-base.ts";
import { registeredPoints } from "../../engine/replication/registers.ts";
import { standingAmong } from "../../engine/replication/standing.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import { groupPlaces, groupPointsAt } from "../../functions/group-points.ts";
import type { Services } from "../../functions/services.ts";
import { collect } from "../fixtures/collect.ts";
import { retain } from "./control-plane.ts";
import type { Machine } from "./machine.ts";
import { pause } from "./pause.ts";
import type { Side } from "./side.ts";
import type { Effect } from "./stores.ts";
import { Violation } from "./truth.ts";
import { CALM } from "./weather.ts";
import type { World } from "./world.ts";

/** An object that is not what was put there. */
export interface Rot {
  readonly name: string;
  readonly kind: Kind;
  /** What is there now; undefined when it is gone. */
  readonly body: Buffer | undefined;
  readonly before: Buffer;
}

type Kind = (typeof KINDS_OF_NAMES)[number][0];
const KINDS_OF_NAMES = [
  ["a point's manifest", /\/points\//],
  ["a base document", /\/bases\//],
  ["a layer's document", /\/layers\/\d+\/[^/]+\/[^/]+\/[^/]+\.json$/],
  ["a layer's part", /\.lay$/],
  ["a list of what to delete", /\/doom(?:-twin)?\.json$/],
  ["a list of points", /\/registers\//],
  ["a checkpoint", /\/checkpoints\//],
  ["a reservation", /\/replica\.json$/],
  ["a segment", /\/journal\//],
  ["a group's manifest", /^groups\/[^/]+\/points\//],
] as const;

/**
 * Something rots where it lies. Of what can be made again one object at a time: what two that stand in for each other lose
 * together is lost.
 */
export async function rot(world: World): Promise<void> {
  const { dice, storm } = world;
  const machine = dice.pick(world.machines);
  if (!machine || (await isRotten(world, machine, machine.side))) return;
  const { side } = machine;
  const stores = world.storesOf(side);
  const all = await collect(stores.target.list(`machines/${machine.id}/`));
  if (world.group) all.push(...(await collect(stores.target.list(groupPointsPrefix(world.group.key)))));
  const wanted = world.mutation?.rotting;
  const able = wanted ? all.filter(({ name }) => wanted.test(name)) : all;
  const kinds = KINDS_OF_NAMES.filter(([, pattern]) => able.some((each) => pattern.test(each.name)));
  const [kind, pattern] = dice.pick(kinds) ?? KINDS_OF_NAMES[0];
  const name = dice.pick(all.filter((each) => pattern.test(each.name)))?.name;
  const before = name && (await stores.target.get(name))?.body;
  if (!name || !before || before.length === 0) return;
  // A group's objects are every member's: what is rotten already is not what was put there.
  if (world.machines.some((each) => each.rots.get(side)?.name === name)) return;
  const healable =
    (await isHealable(stores.target, name, kind, before)) && (await isListed(world, machine, name));
  if (!healable && world.rots !== "all") return;
  if (!healable) storm.lied = true;
  const body = await spoil(world, stores.target, name, before);
  // What was gone may be put again by who does not know that it was there, and ends where that one's pack ends.
  if (!body) machine.auditors[side]?.forget([name]);
  machine.rotted = true;
  machine.rots.set(side, { name, kind, body, before });
  world.note(`${name} rots`);
  world.tally.note(`rot: ${kind}`);
  if (side === 1) world.tally.note("rot: where the direction was turned around");
}

async function spoil(
  { dice, tally }: World,
  target: ObjectStore,
  name: string,
  before: Buffer,
): Promise<Buffer | undefined> {
  const how = dice.pick(["flip", "cut", "gone"] as const) ?? "flip";
  tally.note(`rot: ${how}`);
  if (how === "gone") {
    await target.delete([name]);
    return undefined;
  }
  const at = dice.below(before.length);
  const body = Buffer.from(how === "cut" ? before.subarray(0, at) : before);
  if (how === "flip") body[at] = (body[at] ?? 0) ^ (1 << dice.below(8));
  await target.put(name, body, "any");
  return body;
}

/** Whoever puts it again has healed it, and who deletes it needs it no more: whether that may be is for others to judge. */
export async function watchRot(world: World, machine: Machine, effect: Effect): Promise<void> {
  const { store, side, method, args } = effect;
  const known = machine.rots.get(side);
  if (!known || store !== "target") return;
  await watchDouble(world, side, known, String(args[0]));
  if (method === "put" && args[0] === known.name && !isSame(args[1], known.body)) {
    const exact = known.kind === "a group's manifest" || (side === machine.side && isBegun(machine, known));
    if (exact && !isSame(args[1], known.before))
      throw new Violation(`healing: ${known.kind}, ${known.name}, was made again as another`);
    world.tally.note(`healed: ${known.kind}`);
    machine.rots.delete(side);
  }
  if (method === "delete" && [args[0]].flat().includes(known.name)) machine.rots.delete(side);
}

/** Before a generation has begun its base may still be chosen. */
const isBegun = ({ generation: begun }: Machine, { kind, name }: Rot): boolean =>
  kind === "a base document" && begun !== undefined && Number(/(\d{6})\.json$/.exec(name)?.[1]) <= begun;

/**
 * A changed part of a layer looks whole to whoever does not read it: its segments may be given up meanwhile, and from then on nothing
 * else holds what it held.
 */
async function watchDouble(world: World, side: Side, known: Rot, changed: string): Promise<void> {
  if (known.kind !== "a layer's part" || !/\/doom(?:-twin)?\.json$/.test(changed)) return;
  if (!(await isDoubled(world.storesOf(side).target, documentOf(known.name)))) world.storm.lied = true;
}

const isSame = (put: unknown, body: Buffer | undefined): boolean =>
  put instanceof Uint8Array && body !== undefined && body.equals(put);

/** Whether it still is as it was left, and somebody looks for it. */
async function isRotten(world: World, { rots }: Machine, side: Side): Promise<boolean> {
  const known = rots.get(side);
  if (known && (await isNeedless(world.storesOf(side).target, known))) rots.delete(side);
  return rots.has(side);
}

/** Nobody looks for it any more: another one is made, or stands in for it. */
async function isNeedless(target: ObjectStore, { kind, name, body }: Rot): Promise<boolean> {
  if (kind === "a checkpoint" && body === undefined) return true;
  if (kind !== "a layer's document" && kind !== "a layer's part") return false;
  // What a verification has kept is a part as well, and no list names it.
  if (!name.includes("/layers/")) return false;
  const { machine, generation } = placeOf(name);
  const { doom } = await readDoom(target, machine, generation);
  return doom.layers.some((one) => one.name === documentOf(name));
}

/** Of a part, or itself. */
const documentOf = (name: string): string => name.replace(/-\d{6}\.lay$/, ".json");

function placeOf(name: string): { machine: MachineId; generation: Generation } {
  const [, machine = "", , of = ""] = name.split("/");
  return { machine: machineId(machine), generation: generation(Number(of.slice(0, 6))) };
}

/** Whether it can be made again of what there is besides, by whatever rule the product goes. */
async function isHealable(target: ObjectStore, name: string, kind: Kind, before: Buffer): Promise<boolean> {
  switch (kind) {
    case "a segment":
      return false;
    case "a base document":
      return isHeld(target, decodeBase(name, before).point);
    case "a layer's document":
      return (await target.get(layerTwinName(name))) !== undefined;
    case "a layer's part":
      return isDoubled(target, documentOf(name));
    case "a list of what to delete": {
      const { machine, generation: of } = placeOf(name);
      return (await readDoom(target, machine, of)).spoiled.length === 0;
    }
    case "a group's manifest":
      return (await target.get(name.replace("/points/", "/twins/"))) !== undefined;
    case "a checkpoint":
    case "a list of points":
    case "a point's manifest":
    case "a reservation":
      return true;
  }
}

/** Of a point that nobody was told of yet nobody can know that it is gone. */
async function isListed(world: World, { id, side }: Machine, name: string): Promise<boolean> {
  if (!parsePointName(name)) return true;
  const stores = world.storesOf(side);
  const { places } = await registeredPoints(stores.target, id);
  const made = (await recordsIn(stores.records).progress.get(id))?.value.made ?? [];
  return [...places, ...made].some((place) => nameOf({ ...place, machine: id }) === name);
}

/** The point has a manifest, or a layer ends there. */
async function isHeld(target: ObjectStore, { id }: { readonly id: string }): Promise<boolean> {
  const all = await collect(target.list("machines/"));
  return all.some(({ name }) => name.includes("/points/") && name.includes(id));
}

/** The segments that a layer was made of are all there, and not given up. */
async function isDoubled(target: ObjectStore, document: string): Promise<boolean> {
  // Works and verifications keep parts as well.
  if (!document.includes("/layers/")) return false;
  const { machine, generation: of } = placeOf(document);
  const found = await target.get(document);
  if (!found) return false;
  const layer = decodedOr(document, found.body);
  if (!layer) return false;
  const { begin, end } = layer;
  const { doom } = await readDoom(target, machine, of);
  const layers = standingAmong(await listLayers(target, machine, of), doom);
  const before = layers.find((layer) => layer.end.id === begin.id);
  if (begin.id !== NO_POINT && !before) return false;
  const from = before?.tail.next ?? 0;
  if (from < (doom.segments.at(-1)?.below ?? 0)) return false;
  const there = new Set<number>();
  for (const { name } of await collect(target.list(journalPrefix(machine, of))))
    for (const part of splitPack((await target.get(name))?.body ?? Buffer.alloc(0)))
      there.add(checkSegment(part).header.ordinal);
  for (let ordinal = from; ordinal < end.position.next; ordinal++) if (!there.has(ordinal)) return false;
  return true;
}

/** Undefined when it has rotted itself. */
function decodedOr(document: string, body: Buffer): Layer | undefined {
  try {
    return decodeLayer(document, body);
  } catch (error) {
    if (hasCode(error, "LayerDamaged")) return undefined;
    throw error;
  }
}

/** What the control plane looks at in each of its rounds, or who shows it, is whole after the next one. */
const SOON: ReadonlySet<Kind> = new Set([
  "a layer's document",
  "a group's manifest",
  "a point's manifest",
  "a base document",
  "a list of what to delete",
  "a list of points",
]);

/** @throws Violation */
export async function mustBeWhole(world: World, machine: Machine): Promise<void> {
  const { side } = machine;
  const item = (await recordsIn(world.storesOf(side).records).items.get(itemKeyOf(machine.id)))?.value;
  if (!machine.begun || item?.state !== "Protected" || world.storm.lied) return;
  world.storm.weather = CALM;
  for (let tries = 0; tries < 3 && (await isRotten(world, machine, side)); tries++) {
    world.start(`retain:${machine.id}`, machine, retain);
    const group = world.group?.key;
    if (group) world.start("show", machine, ({ services }) => showPoints(services, group));
    await pause(world, 20);
  }
  const left = machine.rots.get(side);
  if (
    left &&
    SOON.has(left.kind) &&
    (await isRotten(world, machine, side)) &&
    (await isKnown(world, side, left))
  )
    throw new Violation(`healing: ${left.kind}, ${left.name}, was left as it was`);
}

/** Seed 671: a base of which no journal has come yet, or ever will, is named by nothing, so nobody knows what it was. */
async function isKnown(world: World, side: Side, { kind, name }: Rot): Promise<boolean> {
  if (kind !== "a base document") return true;
  const { machine, generation: of } = placeOf(name);
  return (await namedBase(world.storesOf(side).target, machine, of)) !== undefined;
}

/** As the API does. */
async function showPoints(services: Services, group: GroupId): Promise<void> {
  await groupPointsAt(services, await groupPlaces(services, group));
}
