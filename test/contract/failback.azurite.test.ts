import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Capture } from "../../agent/capture.ts";
import { Session } from "../../agent/session.ts";
import { systemClock } from "../../engine/core/clock.ts";
import { armId, barrierId } from "../../engine/core/ids.ts";
import { BLOCK, MIB, bytes, diskIndex, micros, millis } from "../../engine/core/units.ts";
import { newDataKey } from "../../engine/journal/key.ts";
import { beginFailover } from "../../engine/recovery/begin.ts";
import { type ItemRecord, itemKeyOf, move, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import type { ObjectStore, RecordStore } from "../../engine/storage/store.ts";
import { agentActivities } from "../../functions/activities/agent.ts";
import { replicationActivities } from "../../functions/activities/replication.ts";
import { resyncActivities } from "../../functions/activities/resync.ts";
import { heartbeat, itemOfAgent, registerAgent } from "../../functions/agent-calls.ts";
import { handOver } from "../../functions/handover.ts";
import { giveAway, receive, seedTurn } from "../../functions/reversal.ts";
import type { Services } from "../../functions/services.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";
import { type Region, startRegion } from "../fixtures/region.ts";
import { ITEM, protectedItem } from "../unit/engine/recovery/fixture.ts";

const SIZE = bytes(96 * MIB);
const USED = 64 * MIB;
/** Of a hundred blocks in use one. */
const CHANGED = Math.floor(USED / BLOCK / 100);
const PATIENCE = 60_000;
const { machine } = protectedItem();

/** One direction: its cache in the region of the machine, all the rest where it leads to. */
class Direction {
  readonly services: Services;
  readonly #cache: ObjectStore;
  readonly #client = Object.assign(Object.create(null), {
    getStatus: async () => ({ runtimeStatus: "Running" }),
    raiseEvent: async () => undefined,
  });

  constructor(cache: ObjectStore, target: ObjectStore, records: RecordStore) {
    const key = newDataKey();
    this.#cache = cache;
    this.services = {
      ...Object.create(null),
      clock: systemClock,
      records: recordsIn(records),
      target,
      objectsAt: () => cache,
      keyOf: async () => key,
      cacheAccess: async () => ({ containerUrl: "https://cache.test/leeward", expires: micros(4e15) }),
    };
  }

  get tools() {
    return { services: this.services, client: this.#client };
  }

  async item(): Promise<ItemRecord> {
    const found = await this.services.records.items.get(itemKeyOf(machine));
    if (!found) throw new Error("there is no item");
    return found.value;
  }

  async progress(): Promise<ProgressRecord | undefined> {
    return (await this.services.records.progress.get(machine))?.value;
  }

  /** The agent over this disk, with a spool of its own. */
  async start(disk: string, principal: string): Promise<{ capture: Capture; stop: () => Promise<void> }> {
    const directory = await mkdtemp(path.join(tmpdir(), "leeward-failback-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const configFile = path.join(directory, "agent.json");
    const config = { endpoint: "https://leeward.test", audience: "api://leeward", machine };
    await writeFile(configFile, JSON.stringify(config));
    const spoolDirectory = path.join(directory, "spool");
    await mkdir(spoolDirectory);
    const capture = new Capture({ diskPaths: [disk], spoolDirectory, spoolLimit: bytes(512 * MIB) });
    const { services } = this;
    const session = new Session({
      capture,
      configFile,
      clock: systemClock,
      connect: () => ({
        register: async (request) =>
          registerAgent(this.tools, await itemOfAgent(services, machine, principal), request),
        heartbeat: async (request) =>
          heartbeat(this.tools, await itemOfAgent(services, machine, principal), request),
        handOver: async (request) =>
          handOver(services, await itemOfAgent(services, machine, principal), request),
      }),
      openCache: () => this.#cache,
    });
    const run = session.run();
    const stop = async (): Promise<void> => {
      session.close();
      await run;
      await capture.close(millis(PATIENCE));
    };
    return { capture, stop };
  }

  /** A barrier now, and everything before it carried here. */
  async point(capture: Capture) {
    const barrier = barrierId(randomUUID());
    const streams = async () => {
      await resyncActivities.tendResync({ machine }, this.tools);
      return capture.status?.mode === "streaming" || undefined;
    };
    await waitFor("the comparison", streams, PATIENCE, 50);
    await agentActivities.requestBarrier({ machine, barrier, consistency: "crash" }, this.tools);
    const made = async () => {
      await replicationActivities.ship({ machine }, this.tools);
      await replicationActivities.cut({ machine }, this.tools);
      return (await this.progress())?.point?.id === barrier || undefined;
    };
    await waitFor("the point", made, PATIENCE, 50);
    return readPoint(this.services.target, machine, barrier);
  }

  /** Fences, and builds the disk of the point from the target alone. */
  async failOver(point: Awaited<ReturnType<typeof readPoint>>): Promise<Buffer> {
    const { records, target, keyOf } = this.services;
    await records.items.update(itemKeyOf(machine), (old) =>
      beginFailover(old.state === "InitialReplication" ? move(old, "protected") : old, {
        now: systemClock.now(),
        token: randomUUID(),
        point: point.id,
      }),
    );
    const sink = new MemorySink(SIZE);
    await restorePoint({ objects: target, key: await keyOf(machine), point, sinkFor: async () => sink });
    await records.items.update(itemKeyOf(machine), (old) => move(old, "failedOver"));
    return sink.content;
  }

  /** The machine is taken over from the other direction, and this disk becomes the base. */
  async takeOver(from: Direction, disk: string, principal: string): Promise<number> {
    const { job, source } = await from.item();
    const given = await giveAway(from.services, machine, {
      failover: job.operation,
      to: source?.region ?? "",
    });
    const { region } = targetOf(given);
    await receive(this.services, given, {
      source: { ...sourceOf(given), region, principal },
      target: { ...targetOf(given), region: sourceOf(given).region },
    });
    const handle = await open(disk);
    const read = async (offset: number, length: number) => {
      const into = Buffer.alloc(length);
      await handle.read(into, 0, length, offset);
      return into;
    };
    try {
      for (;;) {
        const disks = [{ index: diskIndex(0), size: SIZE, read }];
        const limits = { segmentBytes: bytes(8 * MIB), maxBytes: bytes(20 * MIB) };
        const { state, copied } = await seedTurn(this.services, machine, disks, limits);
        if (state === "done") return copied;
      }
    } finally {
      await handle.close();
    }
  }
}

let north: Region;
let south: Region;
beforeAll(async () => {
  [north, south] = await Promise.all([startRegion(), startRegion()]);
});
afterAll(async () => {
  await Promise.all([north.stop(), south.stop()]);
});

/** Accounts of its own are containers here: nobody reaches another's. */
async function directionOf(from: Region, to: Region, name: string): Promise<Direction> {
  const [cache, target] = [from.objects(`${name}-cache`), to.objects(`${name}-target`)];
  await Promise.all([cache.ensureContainer(), target.ensureContainer()]);
  return new Direction(cache, target, to.records());
}

const item = (): ItemRecord =>
  protectedItem({
    policy: { ...protectedItem().policy, heartbeatEvery: millis(500), sealAge: millis(200), replica: "none" },
    source: {
      region: "north",
      vmSize: "Standard_D2s_v5",
      tags: {},
      principal: "first",
      network: { name: "net", addressPrefixes: [], subnets: [] },
      nics: [],
      disks: [
        {
          index: diskIndex(0),
          id: armId(`${ITEM}/os`),
          name: "os",
          size: SIZE,
          sku: "Premium_LRS",
          caching: "None",
        },
      ],
    },
    target: {
      region: "south",
      resourceGroup: armId(`${ITEM}/group`),
      network: armId(`${ITEM}/network`),
      vm: armId(`${ITEM}/vm`),
      cache: { id: armId(`${ITEM}/cache`), blobEndpoint: "https://cache" },
    },
  });

/** Blocks that lie apart. */
async function change(capture: Capture, seed: number): Promise<void> {
  for (let n = 0; n < CHANGED; n++) {
    const offset = bytes(((n * 97 + seed) % (USED / BLOCK)) * BLOCK);
    capture.exports[0]?.write([{ offset, length: bytes(BLOCK), parts: [randomBytes(BLOCK)] }]);
  }
  await capture.exports[0]?.flush();
}

test(
  "a machine is failed over, protected back by comparison with its old disk, and failed back, byte for byte",
  { timeout: 300_000 },
  async () => {
    const directory = await mkdtemp(path.join(tmpdir(), "leeward-failback-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const at = (name: string) => path.join(directory, name);
    const there = await directionOf(north, south, "there");
    const back = await directionOf(south, north, "back");
    await there.services.records.items.create(itemKeyOf(machine), item());

    const old = at("old.img");
    await writeFile(old, Buffer.concat([randomBytes(USED), Buffer.alloc(SIZE - USED)]));
    const first = await there.start(old, "first");
    const point = await there.point(first.capture);
    // It goes on to write what never arrives: it is lost, and the old disk has it.
    await change(first.capture, 11);
    await first.stop();

    const built = at("built.img");
    await writeFile(built, await there.failOver(point));
    expect(await back.takeOver(there, old, "second")).toBe(USED);

    const second = await back.start(built, "second");
    const before = (await back.progress())?.shipped.bytes ?? 0;
    const proved = await back.point(second.capture);
    const { sent } = second.capture.status?.initialCopy ?? { sent: 0 };
    expect(sent).toBe(CHANGED * BLOCK);
    const carried = ((await back.progress())?.shipped.bytes ?? 0) - before;
    expect(carried / (CHANGED * BLOCK)).toBeLessThan(1.03);
    expect(proved.generation).toBeGreaterThan(point.generation);

    // Planned: nothing is written behind the point.
    await change(second.capture, 50);
    const last = await back.point(second.capture);
    await second.stop();
    const now = await readFile(built);
    await rm(old);
    expect((await back.failOver(last)).equals(now)).toBe(true);

    // And so on: the other direction goes on with its own journal, on top of which the disk of the second machine is read.
    const home = at("home.img");
    await writeFile(home, now);
    expect(await there.takeOver(back, built, "third")).toBeLessThanOrEqual(2 * CHANGED * BLOCK);
    const third = await there.start(home, "third");
    const again = await there.point(third.capture);
    expect(third.capture.status?.initialCopy.sent).toBe(0);
    await third.stop();
    expect((await there.failOver(again)).equals(now)).toBe(true);
  },
);
