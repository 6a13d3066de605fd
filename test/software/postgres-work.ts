import path from "node:path";
import { messageOf } from "../../engine/core/errors.ts";
import type { Sequence } from "../../engine/core/units.ts";
import { type Promised, type Subject, below, wrongNumbers } from "./cuts.ts";
import { makeExt4, mountLive, withMounted } from "./mounts.ts";
import { PostgresServer } from "./postgres-server.ts";
import { ProtectedMachine } from "./protected-machine.ts";

const MEBIBYTES = [112, 24];
const CLIENTS = 3;
const COMMITS = 60;

/**
 * The history of a cluster whose data, and with two disks its log, lie behind the agent.
 * @param count of its disks
 */
export async function postgresWork(space: string, count: number): Promise<Subject> {
  const names = MEBIBYTES.slice(0, count).map((_, index) => `disk${index}`);
  const directories = names.map((name) => path.join(space, name));
  const [at = "", log] = directories;
  const server = await PostgresServer.of(path.join(at, "data"), path.join(space, "sockets"));
  const disks = await blankDisks(space, server, log);
  const machine = await ProtectedMachine.start(space, disks);
  const mounts = await Promise.all(names.map((name) => mountLive(space, machine.socket, name)));
  await server.start();
  const promised = await work(server, () => machine.newest());
  await server.stop();
  for (const mount of mounts) await mount.unmount();
  const journal = await machine.end();
  const images = names.map((name) => path.join(space, `${name}.restored`));
  const look = (cut: Sequence) => withMounted(images, directories, () => wrongs(server, promised, cut));
  return {
    journal,
    promised,
    images,
    wrongs: (cut) => look(cut).catch((error: unknown) => [messageOf(error)]),
  };
}

/** An empty cluster on one disk, or on two when its log is to be found in a directory of its own. */
async function blankDisks(space: string, server: PostgresServer, log: string | undefined): Promise<string[]> {
  const parts = ["data", ...(log === undefined ? [] : ["log"])].map((part) =>
    path.join(space, `empty-${part}`),
  );
  const [data = "", logPart] = parts;
  await server.create(data, logPart, log);
  const disks = parts.map((_, index) => path.join(space, `disk${index}.img`));
  for (const [index, disk] of disks.entries()) await makeExt4(disk, MEBIBYTES[index] ?? 0, parts[index]);
  return disks;
}

/**
 * Commits of one to four parts by several clients at once, while checkpoints and vacuums run. Each says how many parts it
 * has, and keeps its client's sum up to date, so that half a commit shows.
 */
async function work(server: PostgresServer, newest: () => Promise<Sequence>): Promise<Promised[]> {
  const admin = server.session();
  await admin("CREATE EXTENSION amcheck;");
  await admin(
    "CREATE TABLE parts(number int, part int, parts int, client int, body text, PRIMARY KEY(number, part));",
  );
  await admin(
    "CREATE INDEX bodies ON parts(md5(body)); CREATE TABLE totals(client int PRIMARY KEY, rows int);",
  );
  await admin(`INSERT INTO totals SELECT client, 0 FROM generate_series(1, ${CLIENTS}) client;`);
  const promised: Promised[] = [];
  let begun = 0;
  let working = CLIENTS;
  const client = async (_: unknown, index: number) => {
    const session = server.session();
    for (let done = 0; done < COMMITS; done++) {
      const before = await newest();
      const number = ++begun;
      await session(commit(number, index + 1));
      promised[number - 1] = { begun: before, kept: await newest() };
    }
    working--;
  };
  const disturb = async () => {
    for (let turn = 0; working > 0; turn++) await admin(turn % 3 === 2 ? "VACUUM parts;" : "CHECKPOINT;");
  };
  await Promise.all([...Array.from({ length: CLIENTS }, client), disturb()]);
  return promised;
}

function commit(number: number, client: number): string {
  const parts = 1 + below(4);
  const length = 10 + below(60);
  return `BEGIN;
    INSERT INTO parts SELECT ${number}, part, ${parts}, ${client}, repeat(md5(random()::text), ${length})
      FROM generate_series(1, ${parts}) part;
    UPDATE totals SET rows = rows + ${parts} WHERE client = ${client};
    UPDATE parts SET body = md5(random()::text) WHERE number = ${1 + below(number)} AND client = ${client};
    COMMIT;`;
}

const QUERIES = [
  "SELECT 'n' || coalesce(string_agg(number::text, ','), '') FROM (SELECT DISTINCT number FROM parts) n",
  "SELECT count(*) FROM (SELECT FROM parts GROUP BY number HAVING count(*) <> max(parts)) n",
  "SELECT count(*) FROM totals t WHERE rows <> (SELECT count(*) FROM parts p WHERE p.client = t.client)",
  "SELECT count(bt_index_check(indexrelid, true)) > 100 FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE relam = 403",
  "SELECT count(*) FROM (SELECT FROM verify_heapam('parts') UNION ALL SELECT FROM verify_heapam('totals')) n",
];

async function wrongs(
  server: PostgresServer,
  promised: readonly Promised[],
  cut: Sequence,
): Promise<string[]> {
  const [found = "", ...rest] = await server.recover(QUERIES);
  await server.checkPages();
  const numbers = found.slice(1).split(",").filter(Boolean).map(Number);
  return [
    ...wrongNumbers(numbers, promised, cut),
    ...(rest.join() === "0,0,t,0" ? [] : [`halves, wrong sums, whole indices, bad rows: ${rest.join()}`]),
  ];
}
