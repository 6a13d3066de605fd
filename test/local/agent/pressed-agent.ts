import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { truncateSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { z } from "zod";
import type { HeartbeatRequest } from "../../../engine/contract/agent-api.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { KIB, MIB, generation, millis, sequence } from "../../../engine/core/units.ts";
import { machineId } from "../../../engine/core/ids.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { CONTAINER, segmentName } from "../../../engine/journal/names.ts";
import { openSegment } from "../../../engine/journal/open.ts";
import { startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import { checkSegment } from "../../../engine/journal/segment.ts";
import { containerSas } from "../../../engine/storage/connect.ts";
import type { BlockDevice } from "../../../local/machine/block-device.ts";
import { openNbdDevice } from "../../../local/machine/nbd-device.ts";
import { waitFor } from "../../../local/demo/wait.ts";
import { type Meddler, startMeddler } from "../../../local/trouble/meddler.ts";
import { ControlPlaneStub } from "../../fixtures/control-plane-stub.ts";
import type { Region } from "../../fixtures/region.ts";
import { replayed, scratch } from "../../unit/agent/machine.ts";

const MAIN = join(import.meta.dirname, "../../../agent/main.ts");
export const DISK = 96 * MIB;
/** The least that an agent takes. */
const SPOOL = 64;
const KEY = Buffer.alloc(32, 9);
const PATIENCE = 120_000;

const statusFile = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(z.object({ journal: z.object({ mode: z.string() }).optional() }));

const POLICY = {
  sealBytes: 2 * MIB,
  sealAge: 200,
  heartbeatEvery: 100,
  retryLadder: [1000, 1500, 2000],
};

/** The agent's own process between a guest and a real storage, which does what the test's `meddler` says. */
export class PressedAgent {
  readonly plane: ControlPlaneStub;
  readonly meddler: Meddler;
  readonly #region: Region;
  readonly #machine = machineId(`ledger-${randomUUID().slice(0, 8)}`);
  readonly #directory = scratch();
  readonly #model = Buffer.alloc(DISK);
  readonly #points = new Map<string, string>();
  /** The program: the sources, or a package. */
  main: string;
  #agent: ChildProcess | undefined;
  #guest: BlockDevice | undefined;

  /** Its first comparison behind it. */
  static async over(region: Region, main = MAIN): Promise<PressedAgent> {
    const meddler = await startMeddler(region.blobEndpoint, region.tls);
    onTestFinished(() => meddler[Symbol.asyncDispose]());
    const access = { container: CONTAINER, credential: region.credential, options: region.options };
    const { url } = await containerSas({
      ...access,
      endpoint: meddler.endpoint,
      permissions: "rc",
      lifetime: millis(3_600_000),
    });
    const all = new PressedAgent(region, meddler, url, main);
    await all.plane.listen();
    onTestFinished(() => all.plane.close());
    writeFileSync(join(all.#directory, "disk.img"), "");
    truncateSync(join(all.#directory, "disk.img"), DISK);
    writeFileSync(join(all.#directory, "agent.json"), all.plane.config);
    await all.start();
    await all.until("its first comparison", (beat) => beat.mode === "streaming");
    return all;
  }

  private constructor(region: Region, meddler: Meddler, cacheUrl: string, main: string) {
    this.#region = region;
    this.main = main;
    this.meddler = meddler;
    const access = { cacheUrl, handoverUrl: cacheUrl };
    this.plane = new ControlPlaneStub({ machine: this.#machine, key: KEY, policy: POLICY, ...access });
    this.plane.renews = false;
  }

  /** A process over the same disk and spool. */
  async start(): Promise<void> {
    const at = (name: string) => join(this.#directory, name);
    const places = ["--disk", at("disk.img"), "--listen", `unix:${at("nbd.sock")}`, "--spool", at("spool")];
    const rest = ["--config", at("agent.json"), "--spool-limit", String(SPOOL)];
    const identity = {
      IDENTITY_ENDPOINT: `http://127.0.0.1:${this.plane.port}/identity`,
      IDENTITY_HEADER: "x",
    };
    const agent = spawn(process.execPath, [this.main, ...places, ...rest], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...identity, NODE_EXTRA_CA_CERTS: this.#region.tls.ca },
    });
    this.#agent = agent;
    onTestFinished(() => void agent.kill("SIGKILL"));
    await once(agent.stdout ?? agent, "data");
    this.#guest ??= await openNbdDevice({ socket: at("nbd.sock"), export: "disk0" });
  }

  /** SIGKILL: nothing is said, nothing is put in order. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.#agent?.kill(signal);
    if (this.#agent) await once(this.#agent, "exit");
  }

  get last(): HeartbeatRequest | undefined {
    return this.plane.beats.at(-1);
  }

  /** The first heartbeat from now on of which this holds. */
  until(what: string, holds: (beat: HeartbeatRequest) => boolean): Promise<HeartbeatRequest> {
    const from = this.plane.beats.length;
    const look = async () => this.plane.beats.slice(from).find(holds);
    return waitFor(what, look, PATIENCE, 20).catch((error: unknown) => {
      throw new Error(`the last heartbeat: ${JSON.stringify(this.last)}`, { cause: error });
    });
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await this.#guest?.write(offset, data);
    this.#model.set(data, offset);
  }

  /** Bytes that do not shrink, from one place to another. */
  async fill(from: number, end: number): Promise<void> {
    for (let at = from; at < end; at += 512 * KIB) await this.write(at, randomBytes(512 * KIB));
  }

  /** How long small writes take, one after the other, until the work is done: their median and the longest, in ms. */
  async latencyDuring(work: Promise<unknown>): Promise<{ median: number; longest: number }> {
    const took: number[] = [];
    const state = { done: false };
    const ended = work.finally(() => (state.done = true));
    for (let n = 0; !state.done || took.length < 20; n++) {
      const begun = performance.now();
      await this.write((n % 1024) * 4 * KIB, Buffer.alloc(4 * KIB, n % 251));
      took.push(performance.now() - begun);
      await sleep(5);
    }
    await ended;
    took.sort((a, b) => a - b);
    return { median: took[took.length >> 1] ?? 0, longest: took.at(-1) ?? 0 };
  }

  /** A barrier while the guest rests; what the disk was then is remembered. */
  async point(): Promise<string> {
    const id = randomUUID();
    this.#points.set(id, sha256(this.#model));
    this.plane.barriers = [{ id, consistency: "crash" }];
    await this.until("a point", (beat) => beat.barriers.some((one) => one.id === id));
    this.plane.barriers = [];
    return id;
  }

  /** Its journal has ended. */
  async stopped(): Promise<void> {
    const look = async () => {
      // An agent that was just started has not written it yet.
      const text = await readFile(join(this.#directory, "spool", "status.json"), "utf8").catch(() => "{}");
      return statusFile.parse(text).journal?.mode === "stopped" ? true : undefined;
    };
    await waitFor("the end of the journal", look, PATIENCE, 50);
  }

  /** All that it captured is in the cache, and it said so. */
  async handedOver(): Promise<void> {
    const look = async () => {
      const told = this.plane.handedOver.at(-1);
      return told && told.captured.sequence === told.cached.sequence ? true : undefined;
    };
    await waitFor("the hand-over", look, PATIENCE, 50);
  }

  /** Everything that the agent has is in the cache. */
  caughtUp(): Promise<HeartbeatRequest> {
    return this.until("an empty backlog", ({ backlog, captured, cached }) => {
      return backlog.segments === 0 && captured.sequence === cached.sequence;
    });
  }

  /** The journal of a generation as it lies in the storage, read from its beginning to where it ends. */
  async journal(of = 1): Promise<JournalRecord[]> {
    const store = this.#region.objects();
    let position = startOf(generation(of), sequence(0));
    const records: JournalRecord[] = [];
    for (;;) {
      const found = await store.get(segmentName(this.#machine, position.generation, position.next));
      if (!found) return records;
      const checked = checkSegment(found.body);
      position = follow(this.#machine, position, checked);
      records.push(...(await openSegment(checked, dataKey(KEY))));
    }
  }

  /** Whether each point of generation 1 is what the disk was when it was set. */
  async checkPoints(): Promise<{ readonly right: number; readonly wrong: readonly string[] }> {
    const records = await this.journal();
    const wrong: string[] = [];
    for (const [id, content] of this.#points) {
      const barrier = records.find((record) => record.kind === "barrier" && record.id === id);
      if (barrier?.kind !== "barrier") throw new Error(`point ${id} is not in the journal`);
      const [disk] = replayed(records, [DISK], barrier.id);
      if (sha256(disk ?? Buffer.alloc(0)) !== content) wrong.push(id);
    }
    return { right: this.#points.size - wrong.length, wrong };
  }

  /** What the disk holds now, as the guest wrote it. */
  get content(): Buffer {
    return this.#model;
  }
}
