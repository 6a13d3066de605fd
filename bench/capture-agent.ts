import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Capture } from "../agent/capture.ts";
import { Sealer } from "../agent/sealer.ts";
import { serveNbd } from "../agent/nbd/server.ts";
import { barrierId, machineId } from "../engine/core/ids.ts";
import { GIB, MIB, bytes, generation, millis, sequence } from "../engine/core/units.ts";
import { newDataKey } from "../engine/journal/key.ts";
import { MemoryObjectStore } from "../engine/storage/memory.ts";
import { etagOf } from "../engine/storage/store.ts";

/**
 * The agent as it stands in front of a disk, with a cache that takes everything and keeps the newest object only.
 * Arguments: disk, socket, spool, sink, and `bare` for one that can make no marks. A number as message has it set a barrier, which
 * becomes a point; any other message is answered when all is uploaded.
 */
const [disk = "", socket = "", spool = "", sink = "", kind = ""] = process.argv.slice(2);

/** Where the file of marks would be made, there is a directory. */
if (kind === "bare") mkdirSync(join(spool, "intent.tmp"));

class Sink extends MemoryObjectStore {
  override async put(name: string, body: Uint8Array) {
    await writeFile(sink, body);
    return etagOf(name);
  }
}

const sealer = new Sealer();
const capture = new Capture({
  diskPaths: [disk],
  spoolDirectory: spool,
  spoolLimit: bytes(16 * GIB),
  draftSegment: (task) => sealer.draft(task),
});
await serveNbd({ kind: "unix", path: socket }, capture.exports);
capture.begin({
  machine: machineId("bench"),
  generation: generation(1),
  from: sequence(0),
  policy: { sealBytes: bytes(8 * MIB), sealAge: millis(5000), heartbeatEvery: millis(5000) },
  store: new Sink(),
  key: newDataKey(),
});

/** @throws when the journal broke: the figures would be those of something else. */
async function quiet(): Promise<void> {
  for (;;) {
    const { status } = capture;
    if (status?.problem) throw status.problem;
    if (status?.mode === "streaming" && status.backlog.segments === 0) return;
    await sleep(20);
  }
}

async function point(n: number): Promise<void> {
  const id = barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
  await capture.requestBarrier(id);
  await capture.point(generation(1), id);
}

process.on("message", (message: unknown) => {
  if (typeof message === "number") void point(message);
  else void quiet().then(() => process.send?.("quiet"));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
