import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { injectCoreApi } from "../../../local/functions-host/core-api.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { encodeFailure } from "../../../orchestrations/failure.ts";
import { JOB, POINT } from "../../unit/orchestrations/fixture.ts";
import type { Status } from "./fixture.ts";
import { VirtualClock } from "./virtual-clock.ts";

injectCoreApi();
process.env["TASKHUB_NAME"] ??= "virtual";
process.env["LEEWARD_POINT_SCHEDULE"] ??= "0 0 0 1 1 *";
const { world } = await import("./virtual/main.ts");

const ROOT = path.join(import.meta.dirname, "../../..");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const clock = new VirtualClock("2030-01-01T00:00:00Z");
let data: string;
let host: Host;

const start = () =>
  startHost({ app: ROOT, entry: path.join(import.meta.dirname, "virtual/main.ts"), data, port: 0, clock });
const advance = (millis: number) => clock.advance(millis, () => host.idle());

beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), "functions-virtual-"));
  host = await start();
});
beforeEach(() => {
  world.calls.length = 0;
});
afterAll(async () => {
  await host.stop();
  await rm(data, { recursive: true, force: true });
});

async function manage(target: string, init: RequestInit = {}): Promise<Status> {
  const headers = { "x-functions-key": host.keys.durable };
  const response = await fetch(`${host.url}/runtime/webhooks/durabletask/${target}`, { ...init, headers });
  const status: Status = JSON.parse(await response.text());
  return status;
}

/** Begins a failover, and lets it come as far as it does without time passing. */
async function failOver(id: string): Promise<void> {
  await manage(`orchestrators/failover/${id}`, { method: "POST", body: JSON.stringify(JOB) });
  await host.idle();
}

const state = async (id: string) => (await manage(`instances/${id}`)).runtimeStatus;

/** What ARM says while it is not finished; it wants to be asked again in a minute. */
const RUNNING = {
  operation: {
    pollUrl: "https://arm/operations/1",
    mode: "status",
    resource: "/subscriptions/s",
    retryAfter: MINUTE,
  },
};

/** A world in which the virtual machine takes two hours to be made. */
const slow = {
  drain: (nth: number) =>
    nth < 2
      ? new Error(encodeFailure(new LeewardError("StorageUnavailable", "not now")))
      : { reached: false, bytes: 0 },
  planFailover: () => ({
    point: POINT,
    steps: [
      { do: "checkpoint" },
      { do: "import", disk: 0 },
      { do: "nic", nic: 0 },
      { do: "vm" },
      { do: "running" },
    ],
  }),
  checkpointTo: () => null,
  importDisk: () => ({}),
  createNic: () => ({}),
  createVm: () => RUNNING,
  pollArm: (nth: number) => (nth < 119 ? RUNNING : {}),
  observeVm: (nth: number) => ({ running: nth > 2 }),
  endJob: () => null,
};

test("a failover whose machine takes two hours ends when the clock has moved on by them", async () => {
  world.answers = slow;
  await failOver("two-hours");
  await advance(HOUR);
  expect(await state("two-hours")).toBe("Running");
  const step = (await manage("instances/two-hours")).customStatus;
  expect(step).toMatchObject({ phase: "create the virtual machine" });
  await advance(1.1 * HOUR);
  expect(await state("two-hours")).toBe("Completed");
  expect(world.calls.filter((call) => call === "pollArm")).toHaveLength(120);
  expect(world.calls.filter((call) => call === "drain")).toHaveLength(3);
  expect(world.calls.at(-1)).toBe("endJob");
});

test("a host that stops in the middle goes on where it was, and asks for nothing twice", async () => {
  world.answers = slow;
  await failOver("restarted");
  await advance(HOUR);
  await host.stop();
  await clock.advance(HOUR / 2, () => Promise.resolve());
  host = await start();
  await advance(1.6 * HOUR);
  expect(await state("restarted")).toBe("Completed");
  expect(world.calls.filter((call) => call === "createVm")).toHaveLength(1);
  expect(world.calls.filter((call) => call === "pollArm")).toHaveLength(120);
});

test("a machine that does not run within a quarter of an hour fails the failover, with its code", async () => {
  world.answers = { ...slow, createVm: () => ({}), observeVm: () => ({ running: false }) };
  await failOver("never-runs");
  await advance(14 * MINUTE);
  expect(await state("never-runs")).toBe("Running");
  await advance(2 * MINUTE);
  const ended = await manage("instances/never-runs");
  expect([ended.runtimeStatus, ended.output]).toEqual(["Failed", expect.stringContaining("[TimedOut]")]);
});
