import { expect, test } from "vitest";
import type { ArmReply } from "../../../../engine/azure/arm-failure.ts";
import { armBudget } from "../../../../engine/azure/budget.ts";
import type { Clock } from "../../../../engine/core/clock.ts";
import { hasCode } from "../../../../engine/core/errors.ts";
import { micros } from "../../../../engine/core/units.ts";

const SUB = "/subscriptions/s";
const machine = (n: number) => `${SUB}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm${n}`;
const write = (n: number) => ({ method: "PUT", path: machine(n), region: "westeurope" });
const network = (region: string) => ({
  method: "PUT",
  path: `${SUB}/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n`,
  region,
});
const group = { method: "PUT", path: `${SUB}/resourceGroups/g` };
const says = (status: number, headers: Record<string, string> = {}): ArmReply => ({
  status,
  body: undefined,
  header: (name) => headers[name],
});

/** A clock that sleepers move, and that says how long they slept. */
class Time implements Clock {
  seconds = 1000;
  slept = 0;
  now = () => micros(Math.round(this.seconds * 1e6));
  sleep = async (duration: number) => {
    this.slept += duration;
  };
}

const made = () => {
  const time = new Time();
  return { time, budget: armBudget(time) };
};
const admitted = (doing: Promise<void>): Promise<boolean> =>
  doing.then(
    () => true,
    (error: unknown) => {
      expect(hasCode(error, "ArmUnavailable")).toBe(true);
      return false;
    },
  );
async function many(count: number, one: (n: number) => Promise<void>): Promise<number> {
  let done = 0;
  for (let n = 0; n < count; n++) if (await admitted(one(n))) done++;
  return done;
}

test("fifty machines that want everything at once leave a failover its part", async () => {
  const { time, budget } = made();
  const done = await many(2000, (n) => budget.admit(write(n), false));
  // 200 less the part of urgent calls, and two seconds' more that wait.
  expect(done).toBe(140);
  time.slept = 0;
  expect(await many(60, (n) => budget.admit(write(5000 + n), true))).toBe(60);
  expect(time.slept).toBe(0);
});

test("a call that the budget does not take says when it does", async () => {
  const { time, budget } = made();
  await many(500, () => budget.admit(group, false));
  const error: unknown = await budget.admit(group, false).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "ArmUnavailable", retryAfter: expect.any(Number) });
  expect(String(error)).toMatch(/PUT .*not sent.*writes/);
  time.seconds += 30;
  expect(await admitted(budget.admit(group, false))).toBe(true);
});

test("one machine is asked no more often than Compute lets it be", async () => {
  const { budget } = made();
  expect(await many(40, () => budget.admit(write(1), true))).toBe(12);
  expect(await admitted(budget.admit(write(2), true))).toBe(true);
});

test("what another provider keeps of a machine is no look at the machine", async () => {
  const { budget } = made();
  const locks = { method: "GET", path: `${machine(1)}/providers/Microsoft.Authorization/locks` };
  expect(await many(100, () => budget.admit(locks, true))).toBe(100);
});

test("looks at operations count apart from looks at their resource", async () => {
  const { budget } = made();
  const get = { method: "GET", path: machine(1) };
  expect(await many(60, () => budget.admit({ ...get, poll: true }, true))).toBe(45 + 2);
  expect(await many(60, () => budget.admit(get, true))).toBe(36 + 2);
});

test("regions do not share what providers allow, subscriptions nothing at all", async () => {
  const { time, budget } = made();
  for (let round = 0; round < 20; round++) {
    await many(60, () => budget.admit(network("westeurope"), true));
    time.seconds += 6;
  }
  budget.learn(network("westeurope"), says(429, { "x-ms-failure-cause": "service", "retry-after": "60" }));
  expect(await admitted(budget.admit(network("westeurope"), true))).toBe(false);
  expect(await admitted(budget.admit(network("northeurope"), true))).toBe(true);
  const other = { method: "PUT", path: "/subscriptions/t/resourceGroups/g" };
  await many(500, () => budget.admit(group, true));
  expect(await admitted(budget.admit(other, false))).toBe(true);
});

test("what other instances took is learned from the answers", async () => {
  const { budget } = made();
  budget.learn(group, says(200, { "x-ms-ratelimit-remaining-subscription-writes": "3" }));
  expect(await admitted(budget.admit(group, false))).toBe(false);
  expect(await many(3, () => budget.admit(group, true))).toBe(3);
});

test("the hourly figures of older clouds take nothing away", async () => {
  const { budget } = made();
  budget.learn(group, says(200, { "x-ms-ratelimit-remaining-subscription-writes": "1199" }));
  expect(await many(100, () => budget.admit(group, false))).toBe(100);
});

test("Retry-After of the manager stops all of its kind, the provider's only the one that was asked", async () => {
  const { time, budget } = made();
  budget.learn(write(1), says(429, { "x-ms-failure-cause": "service", "retry-after": "40" }));
  expect(await admitted(budget.admit(write(1), true))).toBe(false);
  expect(await admitted(budget.admit(write(2), false))).toBe(true);
  const date = new Date(time.seconds * 1000 + 20_000).toUTCString();
  budget.learn(group, says(429, { "x-ms-failure-cause": "gateway", "retry-after": date }));
  expect(await admitted(budget.admit(write(2), true))).toBe(false);
  expect(await admitted(budget.admit({ method: "GET", path: machine(2) }, false))).toBe(true);
  time.seconds += 41;
  expect(await admitted(budget.admit(write(1), false))).toBe(true);
});

test("a provider that says it is spent is left alone before it refuses", async () => {
  const { budget } = made();
  const left = "Microsoft.Compute/PutVM3Min;0,Microsoft.Compute/PutVM30Min;1195";
  budget.learn(write(1), says(200, { "x-ms-ratelimit-remaining-resource": left }));
  expect(await admitted(budget.admit(write(1), false))).toBe(false);
  budget.learn(write(2), says(200, { "x-ms-ratelimit-remaining-resource": left.replace(";0", ";10") }));
  expect(await admitted(budget.admit(write(2), false))).toBe(true);
});
