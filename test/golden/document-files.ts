import { decodeManifest, encodeManifest } from "../../engine/journal/manifest.ts";
import { checkpointName, doomName, replicaStateName } from "../../engine/journal/names.ts";
import { startOf } from "../../engine/journal/position.ts";
import { decodeRebuild, encodeRebuild } from "../../engine/journal/rebuild-document.ts";
import { decodeRegister, encodeRegister } from "../../engine/journal/register.ts";
import { decodeVerification, encodeVerification } from "../../engine/journal/verification-document.ts";
import { decodeWork, encodeWork } from "../../engine/journal/work-document.ts";
import { createCheckpoint, readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { readDoom, writeDoom } from "../../engine/replication/doom.ts";
import { reserveReplica, standsOn } from "../../engine/replication/reservation.ts";
import { MemoryObjectStore } from "../../engine/storage/memory.ts";
import { CHECKPOINT_2, DOOM_2, MANIFEST_2, REACH_2, REBUILD_1, REGISTER_1, VERIFICATION_1, WORK_1 } from "./documents.ts";

/** How today's code writes each document and reads it, as who needs it does. */
interface GoldenFile {
  readonly says: unknown;
  readonly encode: () => Promise<Uint8Array>;
  readonly decode: (document: Buffer) => Promise<unknown>;
}

const { machine, generation, id, sequence } = REACH_2;
const checkpoint = checkpointName(machine, generation, sequence, id);
const NONE = { etag: undefined, twinEtag: undefined };

export const FILES: Readonly<Record<string, GoldenFile>> = {
  "manifest-2.json": {
    says: MANIFEST_2,
    encode: async () => encodeManifest(MANIFEST_2),
    decode: async (document) => decodeManifest(document),
  },
  "register-1.json": {
    says: REGISTER_1,
    encode: async () => encodeRegister(REGISTER_1),
    decode: async (document) => decodeRegister("register-1.json", document),
  },
  "rebuild-1.json": {
    says: REBUILD_1,
    encode: async () => encodeRebuild(REBUILD_1),
    decode: async (document) => decodeRebuild("rebuild-1.json", document),
  },
  "verification-1.json": {
    says: VERIFICATION_1,
    encode: async () => encodeVerification(VERIFICATION_1),
    decode: async (document) => decodeVerification("verification-1.json", document),
  },
  "work-1.json": {
    says: WORK_1,
    encode: async () => encodeWork(WORK_1),
    decode: async (document) => decodeWork("work-1.json", document),
  },
  "doom-2.json": {
    says: DOOM_2,
    encode: () => stored(doomName(machine, generation), (s) => writeDoom(s, machine, generation, DOOM_2, NONE)),
    decode: async (document) =>
      (await readDoom(await holding(doomName(machine, generation), document), machine, generation)).doom,
  },
  "checkpoint-2.json": {
    says: CHECKPOINT_2,
    encode: () => stored(checkpoint, (s) => createCheckpoint(s, CHECKPOINT_2)),
    decode: async (document) => readCheckpoint(await holding(checkpoint, document), CHECKPOINT_2),
  },
  "replica-2.json": {
    says: "yes",
    encode: () =>
      stored(replicaStateName(machine), (objects) =>
        reserveReplica({ objects, from: startOf(generation, sequence), point: REACH_2 }),
      ),
    decode: async (document) =>
      standsOn(await holding(replicaStateName(machine), document), REACH_2, REACH_2.position),
  },
};

async function stored(name: string, write: (objects: MemoryObjectStore) => Promise<unknown>): Promise<Uint8Array> {
  const objects = new MemoryObjectStore();
  await write(objects);
  return (await objects.get(name))?.body ?? Buffer.alloc(0);
}

async function holding(name: string, document: Buffer): Promise<MemoryObjectStore> {
  const objects = new MemoryObjectStore();
  await objects.put(name, document, "absent");
  return objects;
}
