import {
  type BarrierId,
  type GroupId,
  type MachineId,
  type OperationId,
  barrierId,
  groupId,
  machineId,
} from "../core/ids.ts";
import {
  type DiskIndex,
  type Generation,
  type Micros,
  type Ordinal,
  type Sequence,
  generation,
  micros,
  ordinal,
  sequence,
} from "../core/units.ts";
import type { Consistency } from "./record.ts";

/** Every object name of a machine starts with this, in the cache account and in the target account alike. */
export const machinePrefix = (machine: MachineId): string => `machines/${machine}/`;

/** The container of both accounts. */
export const CONTAINER = "leeward";

const digits = (n: number, width: number) => String(n).padStart(width, "0");

/** Prefix of all segment objects; they sort by generation. */
export const journalsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}journal/`;

/** Prefix of all segment objects of one generation; they sort by ordinal. */
export const journalPrefix = (machine: MachineId, of: Generation): string =>
  `${journalsPrefix(machine)}${digits(of, 6)}/`;

/** A segment object is named by the ordinal of its first segment, so the next one is found by a single GET. */
export const segmentName = (machine: MachineId, of: Generation, first: Ordinal): string =>
  `${journalPrefix(machine, of)}${digits(first, 12)}.seg`;

export interface SegmentPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly ordinal: Ordinal;
}

/** The inverse of `segmentName`; undefined for any other name. */
export function parseSegmentName(name: string): SegmentPlace | undefined {
  const found = /^machines\/([^/]+)\/journal\/(\d{6})\/(\d{12})\.seg$/.exec(name);
  if (!found) return undefined;
  const [, machine = "", of, first] = found;
  return unlessImpossible(() => ({
    machine: machineId(machine),
    generation: generation(Number(of)),
    ordinal: ordinal(Number(first)),
  }));
}

/** A name may have the right form and say what cannot be, such as generation 0. */
function unlessImpossible<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Prefix of the documents that say on which points the machine's generations stand; they sort by generation. */
export const basesPrefix = (machine: MachineId): string => `${machinePrefix(machine)}bases/`;

/** On which point of an older generation this one stands; there is none for a generation that began with empty disks. */
export const baseName = (machine: MachineId, of: Generation): string =>
  `${basesPrefix(machine)}${digits(of, 6)}.json`;

/** In the cache account, for as long as a comparison needs them: what the target's base holds, block by block. */
export const comparisonsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}compare/`;

const comparisonPrefix = (machine: MachineId, of: Generation): string =>
  `${comparisonsPrefix(machine)}${digits(of, 6)}/`;

/** Digests of a part of one disk: of its blocks, or of nodes of sixteen blocks each. */
export const comparisonName = (
  machine: MachineId,
  of: Generation,
  disk: DiskIndex,
  level: "nodes" | "blocks",
  part: number,
): string => `${comparisonPrefix(machine, of)}${digits(disk, 2)}-${level}-${digits(part, 6)}.seg`;

/** Written last: the others are there, and of which base they are. */
export const comparisonReadyName = (machine: MachineId, of: Generation): string =>
  `${comparisonPrefix(machine, of)}ready.json`;

/** The generation whose comparison an object of this name serves; undefined for any other name. */
export function comparisonGeneration(name: string): Generation | undefined {
  const found = /^machines\/[^/]+\/compare\/(\d{6})\/[^/]+$/.exec(name);
  return found ? unlessImpossible(() => generation(Number(found[1]))) : undefined;
}

/** Prefix of the documents that say how far old disks have become the base of a generation. */
export const seedsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}seeds/`;

export const seedName = (machine: MachineId, of: Generation): string =>
  `${seedsPrefix(machine)}${digits(of, 6)}.json`;

export const pointsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}points/`;

/** Points sort by generation, then by sequence. */
export const pointName = (machine: MachineId, of: Generation, at: Sequence, id: BarrierId): string =>
  `${pointsPrefix(machine)}${digits(of, 6)}/${digits(at, 16)}-${id}.json`;

export interface PointPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly sequence: Sequence;
  readonly id: BarrierId;
}

/** The inverse of `pointName`; undefined for any other name. */
export function parsePointName(name: string): PointPlace | undefined {
  const found = /^machines\/([^/]+)\/points\/(\d{6})\/(\d{16})-([0-9a-f-]{36})\.json$/.exec(name);
  if (!found) return undefined;
  const [, machine = "", of, at, id = ""] = found;
  return unlessImpossible(() => ({
    machine: machineId(machine),
    generation: generation(Number(of)),
    sequence: sequence(Number(at)),
    id: barrierId(id),
  }));
}

/** Prefix of the lists of points; they sort by generation. */
export const registersPrefix = (machine: MachineId): string => `${machinePrefix(machine)}registers/`;

/** Which points of a generation there are: one that is listed and has no manifest has lost it. */
export const registerName = (machine: MachineId, of: Generation): string =>
  `${registersPrefix(machine)}${digits(of, 6)}.json`;

export function generationOfRegister(name: string): Generation | undefined {
  const found = /^machines\/[^/]+\/registers\/(\d{6})\.json$/.exec(name);
  return found ? unlessImpossible(() => generation(Number(found[1]))) : undefined;
}

export const groupPointsPrefix = (group: GroupId): string => `groups/${group}/points/`;

/** Points of a group sort by the instant that they were set for. */
export const groupPointName = ({ group, time, id, consistency }: GroupPointPlace): string =>
  `${groupPointsPrefix(group)}${digits(time, 16)}-${id}${consistency === "application" ? "-application" : ""}.json`;

export const groupTwinsPrefix = (group: GroupId): string => `groups/${group}/twins/`;

/** The same manifest once more. */
export const groupTwinName = (place: GroupPointPlace): string =>
  groupPointName(place).replace(groupPointsPrefix(place.group), groupTwinsPrefix(place.group));

/** What the name of a group's point says of it: all that thinning needs, since its manifest may be large. */
export interface GroupPointPlace {
  readonly group: GroupId;
  readonly time: Micros;
  readonly id: BarrierId;
  readonly consistency: Consistency;
}

/** The inverse of `groupTwinName`; undefined for any other name. */
export const parseGroupTwinName = (name: string): GroupPointPlace | undefined =>
  name.includes("/points/") ? undefined : parseGroupPointName(name.replace("/twins/", "/points/"));

/** The inverse of `groupPointName`; undefined for any other name. */
export function parseGroupPointName(name: string): GroupPointPlace | undefined {
  const found = /^groups\/([^/]+)\/points\/(\d{16})-([0-9a-f-]{36})(-application)?\.json$/.exec(name);
  if (!found) return undefined;
  const [, group = "", time, id = "", application] = found;
  return unlessImpossible(() => ({
    group: groupId(group),
    time: micros(Number(time)),
    id: barrierId(id),
    consistency: application ? "application" : "crash",
  }));
}

/** Prefix of the lists of those who were asked for one barrier of a group. */
export const roundPrefix = (group: GroupId, barrier: BarrierId): string =>
  `groups/${group}/rounds/${barrier}`;

/** Who is asked for a barrier of a group; `digest` of the list, so that two that differ have two names. */
export const roundName = (group: GroupId, barrier: BarrierId, digest: string): string =>
  `${roundPrefix(group, barrier)}-${digest}.json`;

/** Who is failed over with a group. */
export const groupFailoverName = (group: GroupId, operation: OperationId): string =>
  `groups/${group}/failovers/${operation}.json`;

/** Prefix of all that is kept of a group. */
export const groupPrefix = (group: GroupId): string => `groups/${group}/`;

/** Prefix of all that belongs to the layers of one generation. */
export const layersPrefix = (machine: MachineId, of: Generation): string =>
  `${machinePrefix(machine)}layers/${digits(of, 6)}/`;

/** Which layer, and which run of a compactor made it when: no name is ever used twice. */
export interface LayerPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly begin: { readonly id: BarrierId; readonly sequence: Sequence };
  readonly end: { readonly id: BarrierId; readonly sequence: Sequence };
  readonly made: Micros;
  readonly build: BarrierId;
}

const layerStem = ({ machine, generation: of, begin, end, made, build }: LayerPlace): string =>
  layersPrefix(machine, of) +
  `${digits(end.sequence, 16)}-${end.id}/${digits(begin.sequence, 16)}-${begin.id}/${digits(made, 16)}-${build}`;

/** The document that makes a layer of its parts. */
export const layerName = (place: LayerPlace): string => `${layerStem(place)}.json`;

/** The same document once more, for when it rots. */
export const layerTwinName = (document: string): string => document.replace(/\.json$/, TWIN);
const TWIN = ".twin";

/** Of a document or its twin; undefined for parts, and for what lies beside layers. */
export const layerOfDocument = (name: string): string | undefined =>
  /\/layers\/\d{6}\/[^/]+\/[^/]+\/[^/]+\.(?:json|twin)$/.test(name)
    ? name.replace(/\.(?:json|twin)$/, ".json")
    : undefined;

export const layerPartName = (place: LayerPlace, part: number): string =>
  `${layerStem(place)}-${digits(part, 6)}.lay`;

/** When the layer of this document or part was begun; undefined for any other name. */
export function layerMade(name: string): Micros | undefined {
  const found = /\/layers\/\d{6}\/[^/]+\/[^/]+\/(\d{16})-[0-9a-f-]{36}(?:\.json|-\d{6}\.lay)$/.exec(name);
  return found ? micros(Number(found[1])) : undefined;
}

/** Which run of a compactor made a layer's part; undefined for any other name. */
export const layerBuild = (name: string): string | undefined =>
  /\/layers\/\d{6}\/[^/]+\/[^/]+\/\d{16}-([0-9a-f-]{36})-\d{6}\.lay$/.exec(name)?.[1];

/** Prefix of layers that are being built in pieces, for all generations. */
export const worksPrefix = (machine: MachineId): string => `${machinePrefix(machine)}works/`;

/** Prefix of those of one generation. */
export const workPrefix = (machine: MachineId, of: Generation): string =>
  `${worksPrefix(machine)}${digits(of, 6)}/`;

/** Which layer is to be built. */
export interface WorkPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly begin: { readonly id: BarrierId };
  readonly end: { readonly id: BarrierId };
  /** It takes in what its generation stands on. */
  readonly alone: boolean;
}

/** The document that says how far a layer is: one for each that is wanted, so that two compactors find the same. */
export const workName = ({ machine, generation: of, begin, end, alone }: WorkPlace): string =>
  `${workPrefix(machine, of)}${end.id}-${begin.id}${alone ? "-alone" : ""}.json`;

/** Prefix of what a build keeps until its layer is there; stands for the build on `doom.json`. */
export const workRunsPrefix = (
  place: Pick<LayerPlace, "machine" | "generation" | "made" | "build">,
): string => `${workPrefix(place.machine, place.generation)}${digits(place.made, 16)}-${place.build}/`;

/** One part of a sorted run. */
export const workRunName = (
  place: Pick<LayerPlace, "machine" | "generation" | "made" | "build">,
  run: number,
  kind: "writes" | "marks",
  part: number,
): string => `${workRunsPrefix(place)}${digits(run, 6)}-${kind}-${digits(part, 6)}.lay`;

/** When the build of this part of a run was begun, and which it is; undefined for any other name. */
export function workOfRun(name: string): { made: Micros; build: string } | undefined {
  const found = /\/works\/\d{6}\/(\d{16})-([0-9a-f-]{36})\/[^/]+\.lay$/.exec(name);
  return found ? { made: micros(Number(found[1])), build: found[2] ?? "" } : undefined;
}

/** Says what of a generation's layers and segments is given up, and since when. */
export const doomName = (machine: MachineId, of: Generation): string =>
  `${layersPrefix(machine, of)}doom.json`;

/** The same once more: whichever is damaged or older, the other one says what it said. */
export const doomTwinName = (machine: MachineId, of: Generation): string =>
  `${layersPrefix(machine, of)}doom-twin.json`;

export const checkpointsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}checkpoints/`;

/** Says which replica snapshots hold which point; named like its point. */
export const checkpointName = (machine: MachineId, of: Generation, at: Sequence, id: BarrierId): string =>
  `${checkpointsPrefix(machine)}${digits(of, 6)}/${digits(at, 16)}-${id}.json`;

/** What a failover lost, as far as the old journal was read. */
export const lossesName = (machine: MachineId, failover: OperationId): string =>
  `${machinePrefix(machine)}losses/${failover}.json`;

/** The machine's data key, wrapped. */
export const keyName = (machine: MachineId): string => `${machinePrefix(machine)}key.json`;

/** The warm disk: a page blob of the disk's size plus the 512 bytes of a fixed VHD footer. */
export const replicaName = (machine: MachineId, disk: DiskIndex): string =>
  `${machinePrefix(machine)}replica/${digits(disk, 2)}.vhd`;

/** Says up to which point writes may have reached the replica. */
export const replicaStateName = (machine: MachineId): string => `${machinePrefix(machine)}replica.json`;

/** Prefix of the documents that say how far disks are that are rebuilt in turns. */
export const rebuildsPrefix = (machine: MachineId): string => `${machinePrefix(machine)}rebuilds/`;

/** How far the replica is on its way to a point. */
export const replicaRebuildName = (machine: MachineId): string => `${rebuildsPrefix(machine)}replica.json`;

/** How far the managed disks of a point are; those of a test beside those of a failover. */
export const disksRebuildName = (machine: MachineId, point: BarrierId, purpose?: "test"): string =>
  `${rebuildsPrefix(machine)}${point}${purpose ? `-${purpose}` : ""}.json`;

/** Whether this is `disksRebuildName` of a failover, of whatever point. */
export const isFailoverRebuild = (machine: MachineId, name: string): boolean =>
  name.startsWith(rebuildsPrefix(machine)) &&
  /^[0-9a-f-]{36}\.json$/.test(name.slice(rebuildsPrefix(machine).length));

/** How far a verification of the machine is that is done in turns; `road` is that of `bad-point.ts`. */
export const verificationName = (machine: MachineId, road: string): string =>
  `${machinePrefix(machine)}verifications/${road}.json`;

/** Prefix of what such a verification knows of blocks that are whole only in part. */
export const partialsPrefix = (machine: MachineId, road: string): string =>
  `${machinePrefix(machine)}verifications/${road}/`;

export const partialName = (machine: MachineId, road: string, build: BarrierId, part: number): string =>
  `${partialsPrefix(machine, road)}${build}-${digits(part, 6)}.lay`;

/** Prefix of what somebody has gathered of a point's block digests, to compare with or to hand on: `use` says who. */
export const gatheredPrefix = (machine: MachineId, use: string): string =>
  `${machinePrefix(machine)}gathered/${use}/`;

/** A part of a run of digests in the order of the disks. */
export const gatheredRunName = (machine: MachineId, use: string, run: BarrierId, part: number): string =>
  `${gatheredPrefix(machine, use)}${run}-${digits(part, 6)}.lay`;

/** Digests of a part of one disk: all that were gathered. */
export const gatheredName = (
  machine: MachineId,
  use: string,
  build: BarrierId,
  disk: DiskIndex,
  part: number,
): string => `${gatheredPrefix(machine, use)}${build}-${digits(disk, 2)}-${digits(part, 6)}.seg`;

/** How far the digests are that a comparison is offered. */
export const offerName = (machine: MachineId): string => `${machinePrefix(machine)}gathered/offer.json`;

/** A replica's snapshot made a blob of its own, for the time of an import; that of a test beside that of a failover. */
export const importName = (machine: MachineId, disk: DiskIndex, point: BarrierId, purpose?: "test"): string =>
  `${machinePrefix(machine)}import/${digits(disk, 2)}-${point}${purpose ? `-${purpose}` : ""}.vhd`;

/** How far capture by images is. */
export const captureName = (machine: MachineId): string => `${machinePrefix(machine)}capture.json`;

/** Prefix of the digests that capture by images knows, for all generations. */
export const capturedPrefix = (machine: MachineId): string => `${machinePrefix(machine)}captured/`;

/** Digests of a part of one disk, as of an image. */
export const capturedName = (
  machine: MachineId,
  of: Generation,
  disk: DiskIndex,
  part: number,
  image: number,
): string =>
  `${capturedPrefix(machine)}${digits(of, 6)}/${digits(disk, 2)}-${digits(part, 6)}-${digits(image, 8)}.seg`;
