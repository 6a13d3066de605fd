import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { Program, Signal, TaskNode } from "../../functions-host/app/random.ts";
import { type End, expectedOf, programs } from "./random-model.ts";

const RUNS = Number(process.env["RUNS"] ?? 300);
const KILLS = 30;
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);

const data = mkdtempSync(path.join(tmpdir(), "functions-host-random-"));
afterEach(() => rmSync(data, { recursive: true, force: true }));

test(`${RUNS} random orchestrations end as the model says under ${KILLS} kill -9 (SEED=${seed})`, async () => {
  const sampled = fc.sample(programs, { numRuns: RUNS, seed }).map(certain);
  writeFileSync(path.join(data, "programs.json"), JSON.stringify(sampled));
  const delays = fc.sample(fc.integer({ min: 0, max: 150 }), { numRuns: KILLS, seed });
  let hits = 0;
  for (const delay of delays) if (await run(delay)) hits++;
  expect(await run(undefined)).toBe(false);
  const ends: End[] = JSON.parse(readFileSync(path.join(data, "ends.json"), "utf8"));
  expect(ends).toEqual(sampled.map(expectedOf));
  expect(hits).toBeGreaterThan(KILLS / 3);
}, 1_200_000);

/** Starts the host and kills it so many milliseconds after it began to work. True when it was not done before that. */
async function run(delay: number | undefined): Promise<boolean> {
  if (existsSync(path.join(data, "ends.json"))) return false;
  const main = path.join(import.meta.dirname, "random-host.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, data], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  const ended = once(child, "exit");
  await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended]);
  if (delay !== undefined) setTimeout(() => child.kill("SIGKILL"), delay);
  const [code, signal]: unknown[] = await ended;
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`the host ended with ${String(code)}: ${errors}`);
  return signal === "SIGKILL";
}

/**
 * Without what a kill may change: an activity that runs again fails again, so one that fails for a while does it always or
 * never; and events have names of their own, so that they can be raised again.
 */
function certain(program: Program, index: number): Program {
  let events = 0;
  const node = (of: TaskNode): TaskNode => {
    switch (of.kind) {
      case "retry":
        return { ...of, failures: of.failures < of.attempts ? 0 : 99 };
      case "event":
        return { ...of, name: `${of.name}-${index}-${events++}` };
      case "child":
        return { ...of, program: whole(of.program) };
      case "all":
        return { ...of, tasks: of.tasks.map(node) };
      case "any":
        return { ...of, quick: node(of.quick) };
      case "activity":
      case "call":
      case "failure":
      case "sleep":
        return of;
    }
  };
  const step = (of: TaskNode | Signal) => (of.kind === "signal" ? of : node(of));
  const whole = (of: Program): Program => ({
    ...of,
    steps: of.steps.map(step),
    rest: of.rest && whole(of.rest),
  });
  return whole(program);
}
