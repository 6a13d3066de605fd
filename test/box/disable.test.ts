import { BlobServiceClient } from "@azure/storage-blob";
import { TableClient } from "@azure/data-tables";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { operatorOf } from "../../local/box/credential.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A protection ends: of what it made nothing is left in either region, and nothing else is touched. The machine runs on, and can be
 * protected anew. The tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 2000,
  replica: "warm",
  checkpointInterval: 2000,
};

/** Every resource of both groups, and the machine's extensions. */
async function resources(): Promise<Map<string, unknown>> {
  const { ports, sourceVm, subscription } = box.box.plan;
  const authorization = `Bearer ${await box.box.token("https://management.azure.com")}`;
  const get = async (path: string): Promise<unknown> => {
    const url = `https://127.0.0.1:${ports.arm}${path}?api-version=2025-04-01`;
    return (await fetch(url, { headers: { authorization } })).json();
  };
  const group = /\/resourceGroups\/([^/]+)/.exec(sourceVm.id)?.[1] ?? "";
  const found = new Map<string, unknown>();
  const lists = [group, "Shop-Recovery"].map(
    (name) => `/subscriptions/${subscription}/resourceGroups/${name}/resources`,
  );
  for (const list of [...lists, `${sourceVm.id}/extensions`])
    for (const one of listed.safeParse(await get(list)).data?.value ?? []) found.set(one.id, one);
  return found;
}
const listed = z.object({ value: z.array(z.looseObject({ id: z.string() })) });

/** Names of all blobs, with their snapshots, of the app's account and of every other one of the pools. */
async function blobs(): Promise<string[]> {
  const { accounts, ports } = box.box.plan;
  const all = [
    ...accounts.source.map((name) => [name, ports.sourceBlob] as const),
    ...accounts.target.map((name) => [name, ports.targetBlob] as const),
  ];
  const names: string[] = [];
  for (const [account, port] of all) {
    const service = new BlobServiceClient(`https://127.0.0.1:${port}/${account}`, operatorOf(box.box));
    for await (const { name: container } of service.listContainers()) {
      const blobsIn = service.getContainerClient(container).listBlobsFlat({ includeSnapshots: true });
      for await (const { name } of blobsIn) names.push(`${account}/${container}/${name}`);
    }
  }
  return names;
}

/** Kinds of the records in the app's table. */
async function kinds(): Promise<string[]> {
  const { targetTableEndpoint } = box.box.plan;
  const table = new TableClient(targetTableEndpoint, "leeward", operatorOf(box.box));
  const found = new Set<string>();
  for await (const { partitionKey } of table.listEntities()) found.add(partitionKey ?? "");
  return [...found].toSorted();
}

const jobs = z.object({
  value: z.array(
    z.object({
      properties: z.looseObject({
        scenarioName: z.string(),
        state: z.string(),
        errors: z.array(z.unknown()),
        leewardRemoved: z
          .object({
            deleted: z.array(z.object({ type: z.string(), name: z.string(), count: z.number().nullable() })),
            left: z.array(z.object({ type: z.string(), name: z.string(), why: z.string() })),
          })
          .nullable(),
      }),
    }),
  ),
});

let before: Map<string, unknown>;
let machine = "";

test("a protection is taken away, and the job says what went", async () => {
  before = await resources();
  await box.openShop(5);
  machine = (await box.protected(POLICY)).leeward.machine;
  await waitFor("points", async () => ((await box.points()).length >= 2 ? true : undefined), 120_000);
  await waitFor(
    "a replica",
    async () => ((await blobs()).some((name) => name.includes("/replica/")) ? true : undefined),
    60_000,
  );
  const body = { properties: { disableProtectionReason: "NotSpecified" } };
  const asked = await box.call("POST", `${box.item("Ledger")}/remove`, body);
  expect(asked.status).toBe(202);
  const gone = async () => ((await box.call("GET", box.item("Ledger"))).status === 404 ? true : undefined);
  await waitFor("the end of the protection", gone, 240_000);
  const found = jobs.parse((await box.call("GET", `${box.vault}/replicationJobs`)).body).value;
  const job = found.find(({ properties }) => properties.scenarioName === "DisableDr")?.properties;
  expect(job).toMatchObject({ state: "Succeeded", errors: [] });
  const deleted = job?.leewardRemoved?.deleted ?? [];
  expect(deleted.filter(({ type }) => type === "Microsoft.Storage/storageAccounts")).toHaveLength(2);
  for (const kind of ["journal", "points", "key.json", "replica"])
    expect(deleted.some(({ name }) => name.endsWith(`machines/${machine}/${kind}`))).toBe(true);
  expect((await box.call("DELETE", box.item("Ledger"))).status).toBe(204);
});

test("nothing of it is left in either region, and everything else is as it was", async () => {
  expect((await blobs()).filter((name) => name.includes(machine))).toEqual([]);
  expect(await resources()).toEqual(before);
  // What happened is the vault's to tell, and so is the job.
  const left = new Set(["event", "eventCursor", "job", "jobOrder"]);
  expect((await kinds()).filter((kind) => !left.has(kind))).toEqual([]);
});

test("the machine runs on, and an agent that is not wanted any more says nothing more", async () => {
  const customers = await box.openShop(6);
  const acknowledged = () => customers.figures.acknowledged;
  const now = acknowledged();
  await waitFor("orders", async () => (acknowledged() > now ? true : undefined), 30_000);
  expect((await blobs()).filter((name) => name.includes(machine))).toEqual([]);
});

test("it is protected anew, as another machine, and its points can be had", async () => {
  const { leeward } = await box.protected({ ...POLICY, replica: "none" });
  expect(leeward.machine).not.toBe(machine);
  await waitFor("points", async () => ((await box.points()).length >= 2 ? true : undefined), 120_000);
});
