import { Capture } from "../../../agent/capture.ts";
import { lockSpool } from "../../../agent/lock.ts";
import { serveNbd } from "../../../agent/nbd/server.ts";
import { Sealer } from "../../../agent/sealer.ts";
import { barrierId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, generation, millis, sequence } from "../../../engine/core/units.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { DirectoryObjectStore } from "../../../engine/storage/directory.ts";

/**
 * The agent without a control plane, its cache in a directory: spool, socket, cache, disks… as arguments. A journal that
 * cannot be continued would show as generation 2. A message is the id of a barrier, answered when it is proved.
 */
const [spoolDirectory = "", socket = "", cache = "", ...diskPaths] = process.argv.slice(2);

const lock = lockSpool(spoolDirectory);
const sealer = new Sealer();
const fresh = process.env["FRESH"] === "1";
const capture = new Capture({
  diskPaths,
  spoolDirectory,
  spoolLimit: bytes(512 * MIB),
  draftSegment: (task) => sealer.draft(task),
});
await serveNbd({ kind: "unix", path: socket }, capture.exports);
const resumed = capture.resume?.generation;
capture.begin({
  machine: machineId("ledger-01"),
  generation: resumed ?? generation(fresh ? 1 : 2),
  from: sequence(0),
  policy: { sealBytes: bytes(2 * MIB), sealAge: millis(100), heartbeatEvery: millis(1000) },
  store: new DirectoryObjectStore(cache),
  key: dataKey(Buffer.alloc(32, 7)),
});

process.on("message", (id: string) => void prove(id));
process.once("SIGTERM", () => void end());

async function prove(id: string): Promise<void> {
  while (capture.status?.mode === "initial-copy") await new Promise((resolve) => setTimeout(resolve, 5));
  await capture.requestBarrier(barrierId(id));
  const { problem, barriers } = capture.status ?? {};
  const set = barriers?.some((one) => one.id === id) ? "proved" : "not set";
  process.send?.(problem?.message ?? set);
}

/** Who waits for it wants everything in the cache, and has a time limit of its own. */
async function end(): Promise<void> {
  await capture.close(millis(600_000));
  sealer.close();
  lock.release();
  process.exit();
}
