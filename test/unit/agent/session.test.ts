import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectControlPlane } from "../../../agent/control-plane.ts";
import { Session } from "../../../agent/session.ts";
import type { HeartbeatRequest } from "../../../engine/contract/agent-api.ts";
import { type Clock, systemClock } from "../../../engine/core/clock.ts";
import { KIB, MIB, bytes, millis } from "../../../engine/core/units.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import { ControlPlaneStub } from "../../fixtures/control-plane-stub.ts";
import { dead } from "../../fixtures/failing.ts";
import {
  KEY_BYTES,
  MACHINE,
  type TestMachine,
  barrier,
  diskOf,
  testMachine,
  until,
  write,
} from "./machine.ts";

const POLICY = { sealBytes: 64 * KIB, sealAge: 20, heartbeatEvery: 10 };

/** The store that the cache is after a failover is another one for the tests. */
const HANDOVER = "https://cache.test/leeward?sig=handover";

/** Sleeps are short, whatever they were meant to be, which is noted. */
const hasty: Clock & { readonly asked: number[] } = {
  asked: [],
  now: () => systemClock.now(),
  sleep: (duration, signal) => {
    hasty.asked.push(duration);
    return systemClock.sleep(millis(1), signal);
  },
};

interface Talk {
  readonly machine: TestMachine;
  readonly plane: ControlPlaneStub;
  readonly session: Session;
  readonly configFile: string;
  readonly opened: string[];
}

async function talk(deadCache = false): Promise<Talk> {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  const plane = new ControlPlaneStub({
    machine: MACHINE,
    key: KEY_BYTES,
    policy: POLICY,
    cacheUrl: "https://cache.test/leeward?sig=secret",
    handoverUrl: HANDOVER,
  });
  await plane.listen();
  onTestFinished(() => plane.close());
  const configFile = join(machine.spoolDirectory, "agent.json");
  const opened: string[] = [];
  const session = new Session({
    capture: machine.capture,
    configFile,
    clock: hasty,
    connect: (config) => connectControlPlane(config, () => Promise.resolve("token")),
    openCache: (url) => {
      opened.push(url);
      return url === HANDOVER || !deadCache ? machine.store : dead(new MemoryObjectStore());
    },
  });
  const run = session.run();
  onTestFinished(async () => {
    session.close();
    await run;
  });
  return { machine, plane, session, configFile, opened };
}

const configure = ({ configFile, plane }: Talk): void => writeFileSync(configFile, plane.config);

const lastBeat = ({ plane }: Talk): HeartbeatRequest | undefined => plane.beats.at(-1);

test("waits for its settings, registers, copies, and tells how far it is", async () => {
  const all = await talk();
  expect(all.machine.capture.status).toBeUndefined();
  configure(all);
  await until(() => lastBeat(all)?.mode === "streaming" && lastBeat(all)?.cached.bytes === MIB);
  expect(all.plane.registered).toEqual([
    { agentVersion: "0.1.0", chooses: true, compares: true, disks: [{ index: 0, size: MIB }] },
  ]);
  write(diskOf(all.machine), 0, Buffer.alloc(4096, 7));
  await until(() => lastBeat(all)?.cached.bytes === MIB + 4096);
  expect(lastBeat(all)).toMatchObject({ generation: 1, backlog: { segments: 0, bytes: 0 }, barriers: [] });
  await until(() => all.session.problem === undefined);
  expect(all.opened.length).toBeGreaterThan(1);
});

test("sets a barrier once, however often it is asked for", async () => {
  const all = await talk();
  all.plane.barriers = [{ id: barrier(1), consistency: "crash" }];
  configure(all);
  await until(() => lastBeat(all)?.barriers.length === 1);
  const beats = all.plane.beats.length;
  await until(() => all.plane.beats.length > beats + 5 && lastBeat(all)?.backlog.segments === 0);
  const kinds = (await all.machine.journal()).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "barrier" || kind === "proof")).toEqual(["barrier", "proof"]);
});

test("goes on through an outage of the control plane, and shows it", async () => {
  const all = await talk();
  configure(all);
  await until(() => lastBeat(all)?.mode === "streaming");
  all.plane.close();
  await until(() => all.session.problem !== undefined);
  expect(all.session.problem?.code).toBe("ControlPlaneUnavailable");
  write(diskOf(all.machine), 4096, Buffer.alloc(4096, 8));
  await all.plane.listen();
  await until(() => lastBeat(all)?.cached.bytes === MIB + 4096 && all.session.problem === undefined);
  expect(all.plane.registered).toHaveLength(1);
});

test("tries again while the control plane refuses to answer", async () => {
  const all = await talk();
  all.plane.failures = 5;
  configure(all);
  await until(() => all.plane.registered.length === 1 && lastBeat(all) !== undefined);
  expect(lastBeat(all)?.generation).toBe(1);
});

test("leaves a control plane alone for as long as it asks", async () => {
  const all = await talk();
  hasty.asked.length = 0;
  all.plane.failures = 2;
  all.plane.retryAfter = "77";
  configure(all);
  await until(() => lastBeat(all) !== undefined);
  expect(hasty.asked.filter((wait) => wait >= 77_000 && wait <= 77_000 * 1.2)).toHaveLength(2);
});

test.for(["a heartbeat says so", "a call is refused"])(
  "stops the journal when %s, and serves on",
  async (how) => {
    const all = await talk();
    configure(all);
    await until(() => lastBeat(all)?.mode === "streaming");
    if (how === "a call is refused") all.plane.fenced = true;
    else all.plane.active = false;
    await until(() => all.machine.capture.status?.mode === "stopped");
    expect(all.machine.capture.status?.problem?.code).toBe("AgentFenced");
    const { captured } = all.machine.capture.status ?? {};
    write(diskOf(all.machine), 0, Buffer.alloc(4096, 3));
    expect(all.machine.capture.status?.captured).toEqual(captured);
    expect(all.machine.capture.resume).toBeUndefined();
  },
);

test("hands what was never uploaded over to the cache after a failover, and says when that is all", async () => {
  const all = await talk(true);
  configure(all);
  await until(() => all.machine.capture.status !== undefined);
  write(diskOf(all.machine), 0, Buffer.alloc(4096, 9));
  all.plane.fenced = true;
  all.plane.active = false;
  await until(() =>
    all.plane.handedOver.some(({ captured, cached }) => captured.sequence === cached.sequence),
  );
  expect(all.plane.handedOver[0]).toMatchObject({ generation: 1, cached: { sequence: 0 } });
  const { captured } = all.machine.capture.status ?? {};
  const written = (await all.machine.journal()).filter(({ kind }) => kind === "data");
  expect(written.at(-1)?.sequence).toBe(captured?.sequence);
  expect(written.some((record) => record.kind === "data" && record.data[0] === 9)).toBe(true);
  const calls = all.plane.handedOver.length;
  await until(() => all.session.problem?.code === "AgentFenced");
  expect(all.plane.handedOver).toHaveLength(calls);
});

test("drops its journal when the protection is taken away, and hands nothing over", async () => {
  const all = await talk(true);
  configure(all);
  await until(() => all.machine.capture.status !== undefined);
  write(diskOf(all.machine), 0, Buffer.alloc(4096, 9));
  all.plane.fenced = true;
  all.plane.over = true;
  all.plane.active = false;
  await until(() => all.session.problem?.code === "AgentFenced");
  expect(all.machine.capture.status).toBeUndefined();
  expect(all.machine.capture.resume).toBeUndefined();
  expect(all.plane.handedOver).toEqual([]);
  // The guest goes on.
  write(diskOf(all.machine), 0, Buffer.alloc(4096, 8));
  const read = Buffer.alloc(4096);
  diskOf(all.machine).read(bytes(0), read);
  expect(read[0]).toBe(8);
});

test("registers within 15 s when its generation was ended without a failover", async () => {
  const all = await talk();
  configure(all);
  await until(() => lastBeat(all)?.mode === "streaming");
  hasty.asked.length = 0;
  all.plane.replicated = true;
  all.plane.active = false;
  await until(() => all.plane.registered.length > 1);
  all.plane.active = true;
  await until(() => lastBeat(all)?.mode === "streaming" && all.session.problem === undefined);
  expect(hasty.asked).toContain(15_000);
  expect(Math.max(...hasty.asked)).toBe(15_000);
});

test("says what is wrong with its settings, and takes better ones", async () => {
  const all = await talk();
  writeFileSync(all.configFile, "{}");
  await until(() => all.session.problem !== undefined);
  expect(all.session.problem?.code).toBe("InvalidSetting");
  rmSync(all.configFile);
  configure(all);
  await until(() => lastBeat(all) !== undefined && all.session.problem === undefined);
  expect(lastBeat(all)?.generation).toBe(1);
});

test("asks for a new generation when the journal broke, and resumes when it did not", async () => {
  const all = await talk();
  configure(all);
  await until(() => lastBeat(all)?.mode === "streaming" && lastBeat(all)?.backlog.segments === 0);
  const former = all.machine.capture.resume;
  expect(former?.generation).toBe(1);
  // The same name with other content in the cache: no way to go on.
  await all.machine.store.put(
    `machines/${MACHINE}/journal/000001/${String(former?.next).padStart(12, "0")}.seg`,
    Buffer.from("something else"),
    "absent",
  );
  write(diskOf(all.machine), 0, Buffer.alloc(4096, 3));
  await until(() => lastBeat(all)?.generation === 2 && lastBeat(all)?.mode === "streaming");
  expect(all.plane.registered.map(({ resume }) => resume)).toEqual([undefined, undefined]);
});
