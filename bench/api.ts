import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { armId } from "../engine/core/ids.ts";
import { type Box, openBox } from "../local/box/box.ts";
import { type Child, flags, startChild } from "../local/box/child.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "../local/demo/ledger-disk.ts";
import { BRISK_SCHEDULE, enableBody, sceneIn } from "../local/demo/scene.ts";
import { waitFor } from "../local/demo/wait.ts";
import { type Load, type Target, load, timed } from "./api-load.ts";
import { FullVault, OTHER_FABRIC } from "./api-vault.ts";
import { median, printTable } from "./measure.ts";

const ROUNDS = Number(process.argv[3] ?? 5);
const CALLS = 100;
/** Half of them match the filters: 10 are on the page, as of the many. */
const FEW = 20;
const MANY = 1000;
const NEVER = "0 0 0 1 1 *";
const folder = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/**
 * The API through the local host, next to an empty function of another such host over the same TLS; and a page of each list of a
 * vault with 1,000 machines, jobs and points, next to the same page when there are 10.
 */
export async function run(): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "bench-api-"));
  const box = await openBox({
    directory,
    machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    prepareDisk: ({ sourceVms }) => prepareLedgerDisks(sourceVms[0], 1, 0),
    pointSchedule: BRISK_SCHEDULE,
    onProgress: () => undefined,
  });
  const empty = await emptyHost(box, directory);
  try {
    const vault = await protectedVault(box);
    // The machine has its points: from here on nothing else is at work, least of all a look at a thousand machines every two seconds.
    await box.killHost(NEVER);
    await measured(box, empty, vault);
  } finally {
    await empty.stop();
    await box.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The host's own tests have an app with a function that does nothing but answer. */
function emptyHost({ certificates: { cert, key } }: Box, directory: string): Promise<Child> {
  return startChild(directory, {
    name: "empty-host",
    script: folder("local/functions-host/main.ts"),
    nodeFlags: ["--initial-old-space-size=512"],
    args: flags({
      app: folder("test/functions-host/app"),
      data: path.join(directory, "empty"),
      port: 0,
      cert,
      key,
    }),
    env: { TEST_HUB: "BenchHub", TEST_SCHEDULE: NEVER, TEST_FAST_SCHEDULE: NEVER },
  });
}

async function protectedVault(box: Box): Promise<FullVault> {
  const { itemPath } = sceneIn(box);
  await box.api.start("PUT", itemPath, enableBody(box, "none"));
  const points = z.object({ value: z.array(z.unknown()) });
  const made = async () => {
    const { value } = await box.api.get(`${itemPath}/recoveryPoints`, points);
    return value.length > 2 || undefined;
  };
  await waitFor("recovery points", made, 240_000);
  const { targetTableEndpoint, targetBlobEndpoint } = box.plan;
  return FullVault.open(targetTableEndpoint, targetBlobEndpoint, armId(itemPath));
}

interface Row {
  readonly name: string;
  readonly target: Target | (() => Promise<void>);
}

async function measured(box: Box, empty: Child, vault: FullVault): Promise<void> {
  const { url } = z.object({ url: z.string() }).parse(empty.ready);
  const idle: Row = { name: "empty function", target: get(`${url}/numbers/x`, "") };
  const token = await box.token();
  await vault.grow(FEW);
  await vault.age(FEW);
  const straight: Row[] = [
    { name: "a page of no records, straight from Azurite", target: () => vault.readPage() },
    { name: "names of a machine's points, straight", target: () => vault.readNames() },
  ];
  const lists = [idle, ...straight, ...listsOf(box, token)];
  const few = await rounds(lists);
  await vault.grow(MANY);
  const many = await rounds(lists);
  await vault.age(MANY);
  const aged = await rounds(lists.slice(-1));
  // Behind the lists: each PUT is a job.
  const single = await rounds([idle, ...calls(box, token)]);
  console.log(
    `Medians of ${ROUNDS} interleaved rounds of ${CALLS} calls by 4 clients, load ${loadavg()[0]?.toFixed(1)}.\n`,
  );
  printTable([
    ["", "calls/s", "median ms", "p99 ms", "of the empty function"],
    ...single.map(({ name, at }) => [
      name,
      at.perSecond.toFixed(0),
      at.median.toFixed(1),
      at.p99.toFixed(1),
      (at.perSecond / (single[0]?.at.perSecond ?? 1)).toFixed(2),
    ]),
  ]);
  console.log("");
  printTable([
    ["a page of 10", `${FEW} machines, ms`, `${MANY} machines, ms`, "ratio", "p99 ms", "p99 ms"],
    ...few.map(({ name, at }, n) => rowOf(name, at, many[n]?.at ?? at)),
    ...few.slice(-1).map(({ at }) => rowOf(`points, ${MANY} of one machine`, at, aged[0]?.at ?? at)),
  ]);
}

const rowOf = (name: string, few: Load, many: Load): string[] => [
  name,
  few.median.toFixed(1),
  many.median.toFixed(1),
  (many.median / few.median).toFixed(2),
  few.p99.toFixed(1),
  many.p99.toFixed(1),
];

async function rounds(rows: readonly Row[]): Promise<{ name: string; at: Load }[]> {
  const samples = new Map<Row, Load[]>(rows.map((row) => [row, []]));
  for (let round = 0; round <= ROUNDS; round++)
    for (const row of rows) {
      const { target } = row;
      const sample = await (typeof target === "function" ? timed(target, CALLS) : load(target, CALLS));
      if (round > 0) samples.get(row)?.push(sample);
    }
  return rows.map((row) => {
    const of = (pick: (l: Load) => number) => median((samples.get(row) ?? []).map(pick));
    return {
      name: row.name,
      at: { perSecond: of((l) => l.perSecond), median: of((l) => l.median), p99: of((l) => l.p99) },
    };
  });
}

const get = (url: string, token: string): Target => ({
  method: "GET",
  url,
  headers: token === "" ? {} : { authorization: `Bearer ${token}` },
});

function calls(box: Box, token: string): Row[] {
  const at = (target: string, query = "") => `${box.endpoint}${target}?api-version=2025-08-01${query}`;
  const { itemPath } = sceneIn(box);
  const policy = { instanceType: "A2A", multiVmSyncStatus: "Enable", recoveryPointHistory: 1440 };
  const put: Target = {
    method: "PUT",
    url: at(`${box.plan.vaultPath}/replicationPolicies/bench`),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ properties: { providerSpecificInput: policy } }),
  };
  return [
    { name: "GET item", target: get(at(itemPath), token) },
    { name: "list points", target: get(at(`${itemPath}/recoveryPoints`, "&$top=10"), token) },
    { name: "PUT policy", target: put },
  ];
}

function listsOf(box: Box, token: string): Row[] {
  const { itemPath } = sceneIn(box);
  const vault = box.plan.vaultPath;
  const page = (target: string, filter = "") => {
    const query = new URLSearchParams({
      "api-version": "2025-08-01",
      $top: "10",
      ...(filter && { $filter: filter }),
    });
    return get(`${box.endpoint}${target}?${query}`, token);
  };
  return [
    { name: "items", target: page(`${vault}/replicationProtectedItems`) },
    {
      name: "items of a fabric",
      target: page(`${vault}/replicationProtectedItems`, `SourceFabricName eq '${OTHER_FABRIC}'`),
    },
    { name: "jobs", target: page(`${vault}/replicationJobs`) },
    { name: "jobs that failed", target: page(`${vault}/replicationJobs`, "JobStatus eq 'Failed'") },
    { name: "jobs that none is of", target: page(`${vault}/replicationJobs`, "JobStatus eq 'Suspended'") },
    { name: "points", target: page(`${itemPath}/recoveryPoints`) },
  ];
}
