import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Capture } from "../agent/capture.ts";
import { connectControlPlane } from "../agent/control-plane.ts";
import { CommandFreezer } from "../agent/freeze/freezer.ts";
import { HASHERS, Hasher } from "../agent/hasher.ts";
import { serveNbd } from "../agent/nbd/server.ts";
import { Sealer } from "../agent/sealer.ts";
import { Session } from "../agent/session.ts";
import { barrierId, machineId } from "../engine/core/ids.ts";
import { GIB, MIB, bytes, generation, millis, sequence } from "../engine/core/units.ts";
import { zeroDigests } from "../engine/journal/digest-tree.ts";
import { newDataKey } from "../engine/journal/key.ts";
import { AzureObjectStore } from "../engine/storage/azure-object.ts";
import { connectContainerBySas } from "../engine/storage/connect.ts";
import { MemoryObjectStore } from "../engine/storage/memory.ts";
import { etagOf } from "../engine/storage/store.ts";

/**
 * The agent with everything that it loads, in front of a disk that is empty when this begins: its first copy is told so, and
 * does not read it. The cache takes everything and keeps the newest object only. Each message of its parent has a barrier set,
 * which becomes a point at once. Arguments: disk, socket, spool, sink.
 */
const [disk = "", socket = "", spool = "", sink = ""] = process.argv.slice(2);
const POINTS = "00000000-0000-4000-8000-";

class Sink extends MemoryObjectStore {
  override async put(name: string, body: Uint8Array) {
    await writeFile(sink, body);
    return etagOf(name);
  }
}

/** They are part of what an agent has in memory. */
const loaded = [Session, CommandFreezer, AzureObjectStore, connectContainerBySas, connectControlPlane];
if (loaded.some((one) => typeof one !== "function")) throw new Error("the agent is not whole");

const sealer = new Sealer();
const hasher = new Hasher();
const of = generation(1);
let copied = false;
const capture = new Capture({
  diskPaths: [disk],
  spoolDirectory: spool,
  spoolLimit: bytes(GIB),
  draftSegment: (task) => sealer.draft(task),
  hashBlocks: async (from, offset, length) =>
    copied ? hasher.hash(from, offset, length) : zeroDigests(length),
  hashers: HASHERS,
});
await serveNbd({ kind: "unix", path: socket }, capture.exports);
capture.begin({
  machine: machineId("bench"),
  generation: of,
  from: sequence(0),
  policy: { sealBytes: bytes(8 * MIB), sealAge: millis(5000), heartbeatEvery: millis(5000) },
  store: new Sink(),
  key: newDataKey(),
});
while (capture.status?.mode !== "streaming") await sleep(20);
copied = true;

let points = 0;
async function point(): Promise<void> {
  const id = barrierId(`${POINTS}${String(++points).padStart(12, "0")}`);
  await capture.requestBarrier(id);
  await capture.point(of, id);
  if (capture.status?.problem) throw capture.status.problem;
  process.send?.("point");
}

process.on("message", () => void point());
process.on("disconnect", () => {
  hasher.close();
  sealer.close();
  process.exit();
});
process.send?.("ready");
