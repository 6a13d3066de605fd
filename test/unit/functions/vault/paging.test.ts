import { HttpRequest } from "@azure/functions";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { operationId } from "../../../../engine/core/ids.ts";
import { micros } from "../../../../engine/core/units.ts";
import type { JobRecord } from "../../../../engine/recovery/job.ts";
import { recordsIn } from "../../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../../engine/storage/memory.ts";
import { pageOfRecords } from "../../../../functions/vault/paging.ts";
import { inVault } from "./world.ts";

const START = "https://leeward.test/list?api-version=2025-08-01";
const pageBody = z.object({ value: z.array(z.string()), nextLink: z.string().nullable() });

const job = (n: number, minutes: number): JobRecord => ({
  format: 1,
  operation: operationId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`),
  kind: "configure",
  item: inVault("replicationPolicies/Day"),
  state: n % 3 === 0 ? "Failed" : "Succeeded",
  startTime: micros(1_700_000_000_000_000 + minutes * 60_000_000),
  steps: [],
});

function world() {
  const { jobs } = recordsIn(new MemoryRecordStore());
  const read: number[] = [];
  const counted = {
    page: async (limit: number, after?: string) => {
      const found = await jobs.page(limit, after);
      read.push(found.length);
      return found;
    },
  };
  const page = async (url: string, matches: (job: JobRecord) => boolean = () => true) => {
    const call = {
      ...Object.create(null),
      request: new HttpRequest({ url, method: "GET" }),
      services: { settings: { publicUrl: "https://leeward.test" } },
    };
    const answer = await pageOfRecords(call, counted, matches, ({ operation }) => operation);
    return pageBody.parse(answer);
  };
  return { jobs, page, read };
}

test("pages of jobs have the newest first, and each of those that stay once, whatever comes and goes meanwhile", async () => {
  const minutes = fc.integer({ min: 0, max: 50 });
  const change = fc.record({ add: fc.boolean(), minutes, which: fc.nat(100) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(minutes, { maxLength: 40 }),
      fc.array(change, { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      async (ages, changes, top) => {
        const { jobs, page } = world();
        const all = ages.map((age, n) => job(n, age));
        for (const one of all) await jobs.create(one.operation, one);
        const stays = new Set(all.map(({ operation }) => operation));
        const seen: string[] = [];
        let next: string | null = `${START}&$top=${top}`;
        for (let turn = 0; next; turn++) {
          const { value, nextLink }: z.infer<typeof pageBody> = await page(next);
          expect(value.length).toBeLessThanOrEqual(top);
          seen.push(...value);
          next = nextLink;
          const { add, minutes: age, which } = changes[turn] ?? { add: false, minutes: 0, which: 1000 };
          const gone = all[which];
          if (add) await jobs.create(job(1000 + turn, age).operation, job(1000 + turn, age));
          else if (gone) {
            await jobs.delete(gone.operation);
            stays.delete(gone.operation);
          }
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect([...stays].filter((operation) => !seen.includes(operation))).toEqual([]);
        const known = all.filter(({ operation }) => seen.includes(operation));
        const inOrder = known.toSorted((a, b) => seen.indexOf(a.operation) - seen.indexOf(b.operation));
        expect(inOrder.map(({ startTime }) => startTime)).toEqual(
          inOrder.map(({ startTime }) => startTime).toSorted((a, b) => b - a),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("a page reads no more than it takes, however many there are", async () => {
  const { jobs, page, read } = world();
  for (let n = 0; n < 500; n++) await jobs.create(job(n, n).operation, job(n, n));
  const { value, nextLink } = await page(`${START}&$top=10`);
  expect(value).toHaveLength(10);
  expect(nextLink).not.toBeNull();
  expect(read).toEqual([11]);
});

test("where few match, a page is short and leads on, and all of them are found", async () => {
  const { jobs, page, read } = world();
  for (let n = 0; n < 900; n++) await jobs.create(job(n, n).operation, job(n, n));
  const wanted = ({ operation }: JobRecord) => operation.endsWith("00");
  const found: string[] = [];
  for (let next: string | null = START; next;) {
    read.length = 0;
    const { value, nextLink }: z.infer<typeof pageBody> = await page(next, wanted);
    expect(read.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(301);
    found.push(...value);
    next = nextLink;
  }
  expect(found.map((operation) => Number(operation.slice(-3)))).toEqual([
    800, 700, 600, 500, 400, 300, 200, 100, 0,
  ]);
});

test("a place in the order without a job, as a crash leaves it, is passed over and filled later", async () => {
  const store = new MemoryRecordStore();
  const { jobs } = recordsIn(store);
  for (let n = 0; n < 6; n++) await jobs.create(job(n, n).operation, job(n, n));
  for (const n of [5, 4, 2]) await store.delete("job", job(n, n).operation);
  const names = async () => (await jobs.page(2)).map(({ value }) => value.operation);
  expect(await names()).toEqual([job(3, 3).operation, job(1, 1).operation]);
  await jobs.create(job(4, 4).operation, job(4, 4));
  expect(await names()).toEqual([job(4, 4).operation, job(3, 3).operation]);
});
