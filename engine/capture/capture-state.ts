import type { MachineId } from "../core/ids.ts";
import { type Generation, bytes, sequence } from "../core/units.ts";
import { type CaptureState, decodeCapture, encodeCapture } from "../journal/capture-document.ts";
import { capturedName, capturedPrefix, captureName } from "../journal/names.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import { putKept, readKept } from "../replication/kept-turn.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";

/** The state with what replaces it. */
export interface Kept {
  readonly state: CaptureState;
  readonly etag: ETag | undefined;
}

/** Of the generation that begins at `start`: of an older one, of a damaged one or of none nothing is known. */
export async function readCapture(
  objects: ObjectStore,
  machine: MachineId,
  start: JournalPosition,
): Promise<Kept> {
  const kept = await readKept(objects, captureName(machine), (body) => ({
    state: decodeCapture(captureName(machine), body),
  }));
  const known = kept?.state.machine === machine && kept.state.generation === start.generation;
  return { state: known ? kept.state : fresh(machine, start, kept?.state), etag: kept?.etag };
}

/** How often images were made counts across generations. */
const fresh = (machine: MachineId, start: JournalPosition, old: CaptureState | undefined): CaptureState => ({
  format: 1,
  machine,
  generation: start.generation,
  position: start,
  images: 0,
  taken: old?.machine === machine ? old.taken : [],
  parts: [],
  swept: false,
  sent: bytes(0),
  uploaded: bytes(0),
});

/** Takes the place of what was read. @throws ObjectChanged when another run has brought it on */
export async function keepCapture(objects: ObjectStore, { state, etag }: Kept): Promise<Kept> {
  const body = encodeCapture(state);
  return { state, etag: await putKept(objects, captureName(state.machine), body, etag) };
}

/** Deletes digests that the state does not name. One listing. May run twice. */
export async function sweepParts(
  objects: ObjectStore,
  { machine, generation, parts, next }: CaptureState,
): Promise<void> {
  const kept = new Set(
    [...parts, ...(next?.parts ?? [])].map((one) =>
      capturedName(machine, generation, one.disk, one.part, one.image),
    ),
  );
  const names: string[] = [];
  for await (const { name } of objects.list(capturedPrefix(machine))) if (!kept.has(name)) names.push(name);
  for (let at = 0; at < names.length; at += 256) await objects.delete(names.slice(at, at + 256));
}

/** Forgets everything that is known of the machine's images. May run twice. */
export async function forgetCapture(objects: ObjectStore, machine: MachineId): Promise<void> {
  await objects.delete([captureName(machine)]);
  const names: string[] = [];
  for await (const { name } of objects.list(capturedPrefix(machine))) names.push(name);
  for (let at = 0; at < names.length; at += 256) await objects.delete(names.slice(at, at + 256));
}

/** Where the journal of the generation can go on: at its beginning, while nothing is known of it. */
export async function resumeOf(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<Pick<JournalPosition, "generation" | "next">> {
  const { state } = await readCapture(objects, machine, startOf(generation, sequence(0)));
  return { generation, next: state.position.next };
}
