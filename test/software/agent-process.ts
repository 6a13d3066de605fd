import { randomUUID } from "node:crypto";
import { Capture } from "../../agent/capture.ts";
import { lockSpool } from "../../agent/lock.ts";
import type { Export } from "../../agent/nbd/export.ts";
import { serveNbd } from "../../agent/nbd/server.ts";
import { Sealer } from "../../agent/sealer.ts";
import { barrierId } from "../../engine/core/ids.ts";
import { type Sequence, MIB, bytes, millis, sequence } from "../../engine/core/units.ts";
import { DirectoryObjectStore } from "../../engine/storage/directory.ts";
import { GENERATION, KEY, LOST, MACHINE, POLICY } from "./machine-settings.ts";

/**
 * The agent of one machine, with its cache in a directory and no control plane. It sets barriers by itself, says "ready"
 * when the first one is proved, answers "where" with the newest write, and "end" with the flushes there were: for each, the newest write that
 * it made durable. Without its parent it ends. A journal that cannot be continued would begin generation 2.
 */
/** No more of them on a slow machine: each restore reads the list of points. */
const BARRIERS = 12;
const BARRIER_EVERY_MS = 400;
const [spoolDirectory = "", socket = "", cache = "", ...diskPaths] = process.argv.slice(2);

const lock = lockSpool(spoolDirectory);
const sealer = new Sealer();
const capture = new Capture({
  diskPaths,
  spoolDirectory,
  spoolLimit: bytes(1024 * MIB),
  draftSegment: (task) => sealer.draft(task),
});
const flushes: Sequence[] = [];
const server = await serveNbd({ kind: "unix", path: socket }, capture.exports.map(noted));
capture.begin({
  machine: MACHINE,
  generation: capture.resume?.generation ?? (process.env["FRESH"] === "1" ? GENERATION : LOST),
  from: sequence(0),
  policy: POLICY,
  store: new DirectoryObjectStore(cache),
  key: KEY,
});
process.on("message", (asked) => {
  if (asked === "where") process.send?.(newest());
  else void end();
});
process.once("disconnect", () => process.exit(1));
while (capture.status?.mode !== "streaming") await new Promise((resolve) => setTimeout(resolve, 5));
await setBarrier();
process.send?.("ready");
for (let set = 1; set < BARRIERS; set++) {
  await new Promise((resolve) => setTimeout(resolve, BARRIER_EVERY_MS));
  await setBarrier();
}

/** Resolves when it is proved: a point can be made of it. */
async function setBarrier(): Promise<void> {
  await capture.requestBarrier(barrierId(randomUUID()));
}

function noted(one: Export): Export {
  return {
    ...one,
    flush: async () => {
      const durable = newest();
      await one.flush();
      flushes.push(durable);
    },
  };
}

function newest(): Sequence {
  return capture.status?.captured.sequence ?? sequence(0);
}

async function end(): Promise<void> {
  await server.close();
  await capture.close(millis(60_000));
  sealer.close();
  lock.release();
  const left = capture.status?.problem?.message ?? capture.status?.backlog.segments;
  process.send?.({ flushes, left }, () => process.exit());
}
