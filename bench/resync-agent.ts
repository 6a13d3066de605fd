import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Capture } from "../agent/capture.ts";
import { Disk } from "../agent/disk.ts";
import { HASHERS, Hasher } from "../agent/hasher.ts";
import { nodeFiles } from "../agent/node-files.ts";
import { serveNbd } from "../agent/nbd/server.ts";
import { Sealer } from "../agent/sealer.ts";
import { sha256 } from "../engine/core/digest.ts";
import { barrierId, machineId } from "../engine/core/ids.ts";
import { GIB, MIB, bytes, diskIndex, generation, millis, sequence } from "../engine/core/units.ts";
import { newDataKey } from "../engine/journal/key.ts";
import { offerDigests } from "../engine/replication/base-digests.ts";
import { imageDigests } from "../engine/replication/verify.ts";
import { MemoryObjectStore } from "../engine/storage/memory.ts";
import { etagOf } from "../engine/storage/store.ts";
import { cpuOf } from "./delta-peers.ts";

/**
 * The agent in front of a disk whose base is what the disk held when this began. Each message begins another generation on
 * that base; the answers say that it has begun, and what it took when it is through. Arguments: disk, socket, spool, sink.
 */
const [path = "", socket = "", spool = "", sink = ""] = process.argv.slice(2);

/** Segments are written and forgotten; what is to be compared with stays. */
class Sink extends MemoryObjectStore {
  override async put(name: string, body: Uint8Array) {
    if (name.includes("/compare/")) return super.put(name, Buffer.from(body), "any");
    await writeFile(sink, body);
    return etagOf(name);
  }
}

const machine = machineId("bench");
const key = newDataKey();
const store = new Sink();
const base = { digest: sha256(Buffer.from("base")), id: barrierId("00000000-0000-4000-8000-000000000001") };
const disk = new Disk(nodeFiles, path);
const digests = await imageDigests(async (offset, length) => {
  const content = Buffer.allocUnsafe(length);
  disk.read(offset, content);
  return content;
}, disk.size);
const sealer = new Sealer();
const hasher = new Hasher();
const capture = new Capture({
  diskPaths: [path],
  spoolDirectory: spool,
  spoolLimit: bytes(16 * GIB),
  draftSegment: (task) => sealer.draft(task),
  hashBlocks: (...range) => hasher.hash(...range),
  hashers: HASHERS,
});
await serveNbd({ kind: "unix", path: socket }, capture.exports);

/** Milliseconds: looking costs the processor that hashing wants. */
const LOOK = 10;

let begun = 1;
async function resync(): Promise<void> {
  const of = generation(++begun);
  const place = { machine, generation: of, ...base };
  const disks = [{ index: diskIndex(0), size: disk.size }];
  await offerDigests({ cache: store, key, place, disks, digests: new Map([[diskIndex(0), digests]]) });
  const policy = { sealBytes: bytes(8 * MIB), sealAge: millis(5000), heartbeatEvery: millis(5000) };
  const before = taken();
  const start = performance.now();
  capture.begin({ machine, generation: of, from: sequence(0), base, policy, store, key });
  process.send?.("begun");
  while (capture.status?.mode === "resync") await sleep(LOOK);
  const ms = performance.now() - start;
  if (capture.status?.problem) throw capture.status.problem;
  const after = taken();
  process.send?.({
    ms,
    hashing: after.hashing - before.hashing,
    all: after.all - before.all,
    sent: capture.status?.initialCopy.sent,
    carried: capture.status?.captured.bytes,
  });
}

/** Seconds of processor so far: of the processes that hash, and of those, this one and that which seals. */
function taken(): { readonly hashing: number; readonly all: number } {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").match(/\d+/g) ?? [];
  const hashers = children.filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("--helper=hash"),
  );
  const sum = (pids: readonly string[]) => pids.reduce((total, pid) => total + cpuOf(Number(pid)), 0);
  return { hashing: sum(hashers), all: sum([...children, String(process.pid)]) };
}

process.on("message", () => void resync());
process.on("disconnect", () => {
  hasher.close();
  sealer.close();
  process.exit();
});
process.send?.("ready");
