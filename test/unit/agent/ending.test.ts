import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Capture } from "../../../agent/capture.ts";
import type { Files, OpenFile } from "../../../agent/files.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { KIB, MIB, millis } from "../../../engine/core/units.ts";
import { checkSegment } from "../../../engine/journal/segment.ts";
import { troubledCache } from "../../fixtures/cache-trouble.ts";
import {
  KEY_BYTES,
  LateSealer,
  type TestMachine,
  caughtUp,
  diskOf,
  replayed,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";
import { dataKey } from "../../../engine/journal/key.ts";

const FENCED = new LeewardError("AgentFenced", "failed over");

/** Another process over the same disks and spool. */
function restarted(machine: TestMachine, more: Parameters<TestMachine["restarted"]>[0] = {}): Capture {
  const sealer = new LateSealer();
  sealer.letAll();
  const capture = machine.restarted({ draftSegment: sealer.draft, ...more });
  onTestFinished(() => capture.close(millis(0)).catch(() => undefined));
  return capture;
}

/** What is left goes to the cache, and is all that was captured. */
async function handOver(machine: TestMachine, capture: Capture) {
  capture.connect({ store: machine.store, key: dataKey(KEY_BYTES) });
  await until(() => capture.status?.cached.sequence === capture.status?.captured.sequence);
  await caughtUp({ capture });
  return machine.journal();
}

test("a journal that ended is not gone on with, and a killed agent's spool is handed over by the next", async () => {
  const sealer = new LateSealer();
  const machine = testMachine([Buffer.alloc(4 * MIB)], 64 * MIB, { draftSegment: sealer.draft });
  const cache = troubledCache(machine.store);
  machine.begin(1, cache.store);
  await streaming(machine);
  cache.trouble = "gone";
  sealer.letAll();
  // One by value, and one by reference whose place the guest changes once the journal has ended.
  write(diskOf(machine), 0, Buffer.alloc(4 * KIB, 1));
  write(diskOf(machine), MIB, Buffer.alloc(256 * KIB, 2));
  machine.capture.stop(FENCED);
  const { captured } = machine.capture.status ?? {};
  write(diskOf(machine), 0, Buffer.alloc(4 * KIB, 3));
  write(diskOf(machine), MIB + 64 * KIB, Buffer.alloc(64 * KIB, 4));
  const disk = readFileSync(machine.diskPaths[0] ?? "");
  await sealer.kill();

  const next = restarted(machine);
  expect(next.resume).toBeUndefined();
  expect(next.status).toMatchObject({ mode: "stopped", captured, problem: { code: "AgentFenced" } });
  expect(readFileSync(machine.diskPaths[0] ?? "").equals(disk)).toBe(true);
  write(diskOf({ capture: next }), MIB + 128 * KIB, Buffer.alloc(64 * KIB, 5));
  expect(next.status?.captured).toEqual(captured);

  const [kept] = replayed(await handOver(machine, next), [4 * MIB]);
  expect(kept?.subarray(0, 4 * KIB).equals(Buffer.alloc(4 * KIB, 1))).toBe(true);
  expect(kept?.subarray(MIB, MIB + 256 * KIB).equals(Buffer.alloc(256 * KIB, 2))).toBe(true);
});

test("what was handed over is known after a kill, and a new generation begins over what is left", async () => {
  const machine = testMachine([Buffer.alloc(MIB)]);
  machine.begin();
  await streaming(machine);
  write(diskOf(machine), 0, Buffer.alloc(4 * KIB, 1));
  machine.capture.stop(FENCED);
  await caughtUp(machine);
  const next = restarted(machine);
  expect(next.status?.cached.sequence).toBe(next.status?.captured.sequence);
  machine.begin(2, machine.store, undefined, next);
  await streaming({ capture: next });
  expect(next.resume?.generation).toBe(2);
  const third = restarted(machine);
  expect(third.resume?.generation).toBe(2);
});

/** Two disks, and changes on both that are not in the journal, since the cache takes nothing. */
async function merging(more: Parameters<TestMachine["restarted"]>[0] = {}) {
  const sealer = new LateSealer();
  sealer.letAll();
  const machine = testMachine([Buffer.alloc(12 * MIB), Buffer.alloc(2 * MIB)], 16 * MIB, {
    draftSegment: sealer.draft,
    ...more,
  });
  const cache = troubledCache(machine.store);
  machine.begin(1, cache.store);
  await streaming(machine);
  await caughtUp(machine);
  cache.trouble = "stuck";
  for (let at = 0; at < 10 * MIB; at += MIB) write(diskOf(machine), at, Buffer.alloc(MIB, 1));
  write(diskOf(machine, 0), 11 * MIB, Buffer.alloc(16 * KIB, 2));
  write(diskOf(machine, 1), MIB, Buffer.alloc(16 * KIB, 3));
  expect(machine.capture.status?.pressure.rung).toBe("merging");
  const before = machine.capture.status?.captured.sequence ?? 0;
  return { machine, cache, sealer, before };
}

/** After so many writes to logs the next fails; where it `kills`, nothing reaches the files any more. */
function faultyFiles() {
  const fault: Fault = { logs: Infinity, kills: false, dead: false };
  const files: Files = {
    ...nodeFiles,
    open: (path, mode) => {
      const file = nodeFiles.open(path, mode);
      return path.endsWith(".log") ? failingLog(file, fault) : file;
    },
    write: (...call) => void (fault.dead || nodeFiles.write(...call)),
    rename: (...call) => void (fault.dead || nodeFiles.rename(...call)),
    remove: (...call) => void (fault.dead || nodeFiles.remove(...call)),
  };
  return { files, fault };
}

interface Fault {
  logs: number;
  kills: boolean;
  dead: boolean;
}

const failingLog = (file: OpenFile, fault: Fault): OpenFile => ({
  info: () => file.info(),
  read: (...call) => file.read(...call),
  readAsync: (...call) => file.readAsync(...call),
  sync: () => file.sync(),
  close: () => file.close(),
  write: (parts) => {
    if (fault.logs-- > 0) return file.write(parts);
    fault.dead = fault.kills;
    throw new Error("ENOSPC: no space left on device");
  },
});

test("a recording that does not fit on the spool's disk is no part of the journal", async () => {
  const { files, fault } = faultyFiles();
  const { machine, cache, before } = await merging({ files });
  fault.logs = 1;
  cache.trouble = "none";
  await until(() => machine.capture.status?.mode === "stopped");
  expect(machine.capture.status).toMatchObject({
    problem: { code: "SpoolFull" },
    captured: { sequence: before },
  });
  await caughtUp(machine);
  expect(machine.capture.status?.cached.sequence).toBe(before);
  const records = await machine.journal();
  expect(records.some((record) => "disk" in record && record.disk === 0 && record.sequence > before)).toBe(
    false,
  );
});

test("a recording that a kill cut short is undone by the next start, which records it as a whole", async () => {
  const { files, fault } = faultyFiles();
  const { machine, cache, sealer, before } = await merging({ files });
  fault.logs = 1;
  fault.kills = true;
  cache.trouble = "none";
  await until(() => fault.dead);
  await sealer.kill();
  const state: unknown = JSON.parse(readFileSync(join(machine.spoolDirectory, "state.json"), "utf8"));
  expect(state).not.toHaveProperty("ended");

  const next = restarted(machine, { files: nodeFiles });
  expect(next.resume?.generation).toBe(1);
  machine.begin(1, machine.store, undefined, next);
  await until(() => next.status?.pressure.rung !== "merging");
  await caughtUp({ capture: next });
  const [first, second] = replayed(await machine.journal(), [12 * MIB, 2 * MIB]);
  expect(first?.equals(readFileSync(machine.diskPaths[0] ?? ""))).toBe(true);
  expect(second?.equals(readFileSync(machine.diskPaths[1] ?? ""))).toBe(true);
  const recorded: (readonly [number, number])[] = [];
  for await (const { name } of machine.store.list("")) {
    const found = name.endsWith(".seg") ? await machine.store.get(name) : undefined;
    const header = found && checkSegment(found.body).header;
    if (header?.indivisible) recorded.push([header.from, header.to]);
  }
  expect(recorded).toEqual([[before, before + 2]]);
});
