import { expect, test } from "vitest";
import { generation, sequence } from "../../../../engine/core/units.ts";
import { healthOf } from "../../../../engine/recovery/health.ts";
import { NOW, POINT, agent, ago, progress, protectedItem } from "./fixture.ts";

const point = (seconds: number) => ({
  id: POINT,
  generation: generation(1),
  sequence: sequence(1),
  time: ago(seconds),
});
const good = { item: protectedItem(), agent: agent(), progress: progress({ point: point(30) }) };

test("a machine in order has nothing to say", () => {
  expect(healthOf(good, NOW)).toEqual([]);
});

test("what stopped replication is an error, what slows it a warning, each with what to do", () => {
  const problem = { code: "ChainBroken", message: "two segments", since: ago(9), stopped: true };
  const [stopped] = healthOf({ ...good, progress: progress({ point: point(30), problem }) }, NOW);
  expect(stopped).toMatchObject({
    code: "ChainBroken",
    level: "Error",
    since: ago(9),
    remedy: expect.stringContaining("resync"),
  });
  const slow = { ...problem, code: "StorageUnavailable", stopped: false };
  expect(healthOf({ ...good, progress: progress({ point: point(30), problem: slow }) }, NOW)).toMatchObject([
    { code: "StorageUnavailable", level: "Warning" },
  ]);
});

test("an agent that is silent for long is an error, the worst first", () => {
  const silent = { ...agent(), heardAt: ago(120) };
  const found = healthOf({ ...good, agent: silent, progress: progress({ point: point(3600) }) }, NOW);
  expect(found.map(({ code, level }) => `${level} ${code}`)).toEqual([
    "Error AgentSilent",
    "Warning PointLate",
  ]);
});

test("after a failover a silent agent and a cache that does not answer are as they should be", () => {
  const item = protectedItem({ state: "UnplannedFailoverCommitPending" });
  const problem = { code: "StorageUnavailable", message: "refused", since: ago(9), stopped: false };
  const lost = { item, agent: { ...agent(), heardAt: ago(120) }, progress: progress({ problem }) };
  expect(healthOf(lost, NOW)).toEqual([]);
});

test("a failed job is shown with its step", () => {
  const failure = { code: "ArmFailed", message: "no room", step: "create the virtual machine" };
  const found = healthOf({ ...good, item: protectedItem({ state: "FailoverFailed", failure }) }, NOW);
  expect(found).toMatchObject([
    { code: "ArmFailed", level: "Error", message: "create the virtual machine: no room" },
  ]);
});
