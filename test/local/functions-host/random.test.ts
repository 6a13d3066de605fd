import fc from "fast-check";
import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import type { Program } from "../../functions-host/app/random.ts";
import { type End, eventsOf, expectedOf, programs } from "./random-model.ts";

const BATCH = 20;
const BATCHES = Math.ceil(Number(process.env["RUNS"] ?? 3000) / BATCH);
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);

const host = useFixture();

test(`${BATCHES * BATCH} random orchestrations end as the model says (SEED=${seed})`, async () => {
  const batches = fc.array(programs, { minLength: BATCH, maxLength: BATCH, size: "max" });
  await fc.assert(
    fc.asyncProperty(batches, async (batch) => {
      const ids = await Promise.all(batch.map(begin));
      const ends: unknown[] = [];
      for (const id of ids) ends.push(await endOf(id));
      expect(ends).toEqual(batch.map(expectedOf));
    }),
    { numRuns: BATCHES, seed, endOnFailure: false },
  );
}, 1_200_000);

async function begin(program: Program): Promise<string> {
  const id = await host.begin("program", { program, before: [] });
  for (const name of eventsOf(program)) await host.raise(id, name, `event ${name}`);
  return id;
}

async function endOf(id: string): Promise<End> {
  for (let months = 0; months < 100; months++) {
    const { runtimeStatus, output } = await host.status(id);
    if (runtimeStatus === "Failed") return [runtimeStatus, "failed", await sumOf(id)];
    if (runtimeStatus === "Completed") return [runtimeStatus, output, await sumOf(id)];
    await host.advance(30 * 86_400);
  }
  return ["did not end", id, undefined];
}

async function sumOf(id: string): Promise<unknown> {
  const answer = await host.manage(`entities/sum/${id}`);
  return answer.status === 404 ? "none" : answer.json();
}
