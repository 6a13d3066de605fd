import { z } from "zod";
import { DIGEST_BYTES } from "../core/digest.ts";
import { hasCode } from "../core/errors.ts";
import { type MachineId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, generation } from "../core/units.ts";
import { parseDocument } from "../journal/json-document.ts";
import { seedName, seedsPrefix } from "../journal/names.ts";
import { type JournalPosition, journalPosition } from "../journal/position.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";

const size = z.number().transform(checked(bytes));

/** What a run of `seed` has to know of those before it. All of it follows from the segments that there are. */
const schema = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  /** Behind the newest segment that was put. */
  position: journalPosition.strict(),
  /** Counted through all disks: those before it were compared. */
  window: z.number().int().nonnegative(),
  /** Bytes of blocks that differed. */

  copied: size,
  /** Base64: of each window with a block that differed its number (4 bytes, little-endian) and its node in the digest tree. */
  nodes: z.base64(),
});

export interface SeedState {
  position: JournalPosition;
  window: number;
  copied: number;
  readonly nodes: Map<number, Uint8Array>;
}

/** The state and the document that it was read from, if any. */
export interface KeptState {
  readonly state: SeedState;
  readonly etag: ETag | undefined;
}

/** Begins anew where there is none, or none that can be read: the segments say the same, in more time. */
export async function readSeedState(
  objects: ObjectStore,
  machine: MachineId,
  start: JournalPosition,
): Promise<KeptState> {
  const name = seedName(machine, start.generation);
  const object = await objects.get(name);
  const fresh: SeedState = { position: start, window: 0, copied: 0, nodes: new Map() };
  if (!object) return { state: fresh, etag: undefined };
  try {
    const {
      nodes,
      format: _,
      machine: of,
      generation: its,
      ...rest
    } = parseDocument(name, schema, object.body);
    const known = of === machine && its === start.generation;
    return { state: known ? { ...rest, nodes: nodesIn(nodes) } : fresh, etag: object.etag };
  } catch (error) {
    if (hasCode(error, "ManifestDamaged")) return { state: fresh, etag: object.etag };
    throw error;
  }
}

/** Unless another run was faster: whichever of the two states stands there, the segments bring it to the same. */
export async function keepSeedState(
  objects: ObjectStore,
  machine: MachineId,
  { state, etag }: KeptState,
): Promise<void> {
  const { position, nodes, ...rest } = state;
  const document = {
    format: 1,
    machine,
    generation: position.generation,
    position,
    ...rest,
    nodes: Buffer.concat([...nodes].flatMap(([window, node]) => [numberOf(window), node])).toString("base64"),
  };
  const condition = etag === undefined ? "absent" : { unchangedSince: etag };
  const name = seedName(machine, position.generation);
  try {
    await objects.put(name, Buffer.from(`${JSON.stringify(document)}\n`), condition);
  } catch (error) {
    if (!hasCode(error, "ObjectExists") && !hasCode(error, "ObjectChanged")) throw error;
  }
}

/** Of all generations: no run goes on with one of them. May run twice. */
export async function dropSeedStates(objects: ObjectStore, machine: MachineId): Promise<void> {
  const names: string[] = [];
  for await (const { name } of objects.list(seedsPrefix(machine))) names.push(name);
  await objects.delete(names);
}

const NUMBER = 4;

function nodesIn(text: string): Map<number, Uint8Array> {
  const all = Buffer.from(text, "base64");
  const nodes = new Map<number, Uint8Array>();
  for (let at = 0; at + NUMBER + DIGEST_BYTES <= all.length; at += NUMBER + DIGEST_BYTES)
    nodes.set(all.readUInt32LE(at), all.subarray(at + NUMBER, at + NUMBER + DIGEST_BYTES));
  return nodes;
}

function numberOf(window: number): Buffer {
  const number = Buffer.alloc(NUMBER);
  number.writeUInt32LE(window);
  return number;
}
