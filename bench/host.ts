import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { injectCoreApi } from "../local/functions-host/core-api.ts";
import { type Host, startHost } from "../local/functions-host/host.ts";
import { idle } from "./host-idle.ts";
import { libraryCost } from "./host-library.ts";
import { median, printTable } from "./measure.ts";

const APP = path.join(import.meta.dirname, "../test/functions-host/app");
const ROUNDS = 5;

interface Work {
  readonly name: string;
  readonly orchestrations: number;
  readonly activities: number;
  /** Ids of the instances. */
  readonly run: (host: Host, round: string) => Promise<readonly string[]>;
}

/** How many transactions the host committed for a piece of work, and what it put into them. */
interface Stored {
  readonly commits: number;
  /** Changes that belong together: as many commits as a host without group commit would make. */
  readonly writes: number;
  /** Statements that changed something. */
  readonly changes: number;
  readonly bytes: number;
}

interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

interface Sample extends Cost {
  /** SQLite alone. */
  readonly floor: Cost;
  /** SQLite alone, without group commit. */
  readonly ungrouped: Cost;
  /** Libraries and app alone. */
  readonly library: number;
  readonly stored: Stored;
}

/**
 * Orchestrations and activities of the local Functions host with full durability, beside SQLite alone: as many commits of as many
 * bytes, and nothing else. One processor runs app and host.
 */
export async function run(): Promise<void> {
  injectCoreApi();
  process.env["TEST_HUB"] = "BenchHub";
  process.env["TEST_SCHEDULE"] = process.env["TEST_FAST_SCHEDULE"] = "0 0 0 1 1 *";
  const data = await mkdtemp(path.join(tmpdir(), "bench-host-"));
  const host = await startHost({ app: APP, data, port: 0 });
  const floor = new Floor(path.join(data, "floor.db"));
  try {
    await throughput(host, floor);
    await growth(host);
  } finally {
    floor.close();
    await host.stop();
    await rm(data, { recursive: true, force: true });
  }
  await idle();
}

async function throughput(host: Host, floor: Floor): Promise<void> {
  const works: Work[] = [
    chains("300 chains of 5", 300, 5),
    fans("fan-out of 1,000", 1, 1000),
    fans("20 fan-outs of 100", 20, 100),
    overHttp("start to done over HTTP, one by one", 50),
  ];
  const samples = new Map<Work, Sample[]>(works.map((work) => [work, []]));
  for (let round = 0; round <= ROUNDS; round++)
    for (const work of works) {
      const sample = await measured(host, floor, work, `${round}`);
      if (round > 0) samples.get(work)?.push(sample);
    }
  const [load = 0] = loadavg();
  console.log(`Medians of ${ROUNDS} interleaved rounds, load ${load.toFixed(1)}.\n`);
  printTable([
    [
      "",
      "ms",
      "orchestrations/s",
      "activities/s",
      "CPU µs/activity",
      "commits",
      "KB",
      "floor ms",
      "floor / host",
      "ungrouped / host",
      "CPU ms",
      "floor",
      "library",
      "both / host",
    ],
    ...works.map((work) => rowOf(work, samples.get(work) ?? [])),
  ]);
}

function rowOf(work: Work, samples: readonly Sample[]): string[] {
  const of = (pick: (s: Sample) => number) => median(samples.map(pick));
  const wall = of((s) => s.wall);
  return [
    work.name,
    wall.toFixed(1),
    ((work.orchestrations / wall) * 1000).toFixed(0),
    ((work.activities / wall) * 1000).toFixed(0),
    ((of((s) => s.cpu) / work.activities) * 1000).toFixed(0),
    of((s) => s.stored.commits).toFixed(0),
    (of((s) => s.stored.bytes) / 1000).toFixed(0),
    of((s) => s.floor.wall).toFixed(1),
    of((s) => s.floor.wall / s.wall).toFixed(2),
    of((s) => s.ungrouped.wall / s.wall).toFixed(2),
    of((s) => s.cpu).toFixed(0),
    of((s) => s.floor.cpu).toFixed(0),
    of((s) => s.library).toFixed(0),
    of((s) => (s.floor.cpu + s.library) / s.cpu).toFixed(2),
  ];
}

/** What an instance costs as its history grows: as many activities in one chain, and in ten, at once or one after the other. */
async function growth(host: Host): Promise<void> {
  const costs = new Map<string, number[]>();
  const libraries = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++)
    for (const work of [TOGETHER, IN_TURN, ONE]) {
      const ids: string[] = [];
      const { cpu } = await costOf(async () => {
        ids.push(...(await work.run(host, `growth-${round}`)));
      });
      const library = await libraryCost(host, ids);
      if (round === 0) continue;
      costs.set(work.name, [...(costs.get(work.name) ?? []), cpu]);
      libraries.set(work.name, [...(libraries.get(work.name) ?? []), library]);
    }
  const of = (all: Map<string, number[]>, { name }: Work) => median(all.get(name) ?? []);
  console.log("\n1,000 activities, ms of processor:\n");
  printTable([
    ["", "CPU ms", "library", "of ten in turn", "of ten at once"],
    ...[TOGETHER, IN_TURN, ONE].map((work) => [
      work.name,
      of(costs, work).toFixed(0),
      of(libraries, work).toFixed(0),
      (of(costs, work) / of(costs, IN_TURN)).toFixed(2),
      (of(costs, work) / of(costs, TOGETHER)).toFixed(2),
    ]),
  ]);
}

async function measured(host: Host, floor: Floor, work: Work, round: string): Promise<Sample> {
  const { db } = host.hub.store;
  const commits = db.commits;
  const count = counted(db);
  const ids: string[] = [];
  const cost = await costOf(async () => {
    ids.push(...(await work.run(host, round)));
  });
  const stored = { commits: db.commits - commits, ...count() };
  const library = await libraryCost(host, ids);
  return {
    ...cost,
    stored,
    library,
    floor: await costOf(() => floor.store(stored)),
    ungrouped: await costOf(() => floor.store({ ...stored, commits: stored.writes })),
  };
}

async function costOf(work: () => unknown): Promise<Cost> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1000 };
}

/** Counts the changes of a database from now until the returned function is called. */
function counted(db: Host["hub"]["store"]["db"]): () => { writes: number; changes: number; bytes: number } {
  const run = db.run.bind(db);
  const insert = db.insert.bind(db);
  const write = db.write.bind(db);
  let writes = 0;
  let changes = 0;
  let bytes = 0;
  const note = (values: readonly unknown[] = []): void => {
    changes++;
    for (const value of values) bytes += typeof value === "string" ? value.length : 8;
  };
  db.run = (sql, values) => {
    note(values);
    return run(sql, values);
  };
  db.insert = (sql, values) => {
    note(values);
    return insert(sql, values);
  };
  db.write = (change) => {
    writes++;
    return write(change);
  };
  return () => {
    db.write = write;
    db.run = run;
    db.insert = insert;
    return { writes, changes, bytes };
  };
}

/** A database of its own on the same disk, as durable as the host's. */
class Floor {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    this.#db.exec("CREATE TABLE row(number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL)");
  }

  /** As many commits, changes and bytes. */
  store({ commits, changes, bytes }: Stored): void {
    const body = "x".repeat(Math.round(bytes / Math.max(changes, 1)));
    const insert = this.#db.prepare("INSERT INTO row(body) VALUES(?)");
    for (let commit = 0, done = 0; commit < commits; commit++) {
      this.#db.exec("BEGIN IMMEDIATE");
      for (const end = ((commit + 1) * changes) / commits; done < end; done++) insert.run(body);
      this.#db.exec("COMMIT");
    }
  }

  close(): void {
    this.#db.close();
  }
}

const chains = (name: string, count: number, steps: number): Work =>
  started(name, "chain", { steps }, count, count * steps);

const fans = (name: string, count: number, width: number): Work =>
  started(name, "fanOut", { width }, count, count * width);

function started(
  name: string,
  orchestrator: string,
  input: unknown,
  count: number,
  activities: number,
): Work {
  const run = async (host: Host, round: string): Promise<string[]> => {
    const ids = Array.from({ length: count }, (_, i) => `${round}-${name}-${i}`);
    await Promise.all(ids.map((id) => host.hub.instances.start(orchestrator, id, JSON.stringify(input), "")));
    await host.idle();
    return ids;
  };
  return { name, orchestrations: count, activities, run };
}

function overHttp(name: string, count: number): Work {
  const run = async (host: Host, round: string): Promise<string[]> => {
    const ids = Array.from({ length: count }, (_, i) => `${round}-http-${i}`);
    const call = (target: string, method: string) =>
      fetch(`${host.url}/runtime/webhooks/durabletask/${target}`, {
        method,
        headers: { "x-functions-key": host.keys.durable },
        ...(method === "POST" ? { body: '{"steps":1}' } : {}),
      });
    for (const id of ids) {
      await (await call(`orchestrators/chain/${id}`, "POST")).arrayBuffer();
      for (let status = 202; status === 202;) {
        const answer = await call(`instances/${id}`, "GET");
        await answer.arrayBuffer();
        status = answer.status;
      }
    }
    return ids;
  };
  return { name, orchestrations: count, activities: count, run };
}

const TOGETHER = chains("ten chains of 100 at once", 10, 100);
const ONE = chains("a chain of 1,000", 1, 1000);

/** As many turns and commits as one chain of all has: only the histories are shorter. */
const IN_TURN: Work = {
  name: "ten chains of 100, one after the other",
  orchestrations: 10,
  activities: 1000,
  run: async (host, round) => {
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) ids.push(...(await chains(`in-turn-${i}`, 1, 100).run(host, round)));
    return ids;
  },
};
