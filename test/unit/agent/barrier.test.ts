import { expect, test } from "vitest";
import { AT_ONCE, type BarrierTerms } from "../../../agent/barrier.ts";
import type { Freezer } from "../../../agent/freeze/freezer.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { MIB, micros, millis } from "../../../engine/core/units.ts";
import {
  type TestMachine,
  barrier,
  caughtUp,
  diskOf,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";

const APPLICATION: BarrierTerms = { consistency: "application", otherwise: "crash" };

/** Applications that note what is done to them; `rests` may be taken from them. */
class Applications implements Freezer {
  readonly log: string[] = [];
  rests = true;
  refuses: LeewardError | undefined;
  hangs: LeewardError | undefined;
  stuck: LeewardError | undefined;

  async freeze() {
    this.log.push("freeze");
    if (this.refuses) throw this.refuses;
    const { rests } = this;
    return {
      holds: rests,
      thaw: async () => {
        this.log.push("thaw");
        this.stuck = this.hangs;
        if (this.hangs) throw this.hangs;
      },
    };
  }
}

async function machineWith(freezer?: Freezer): Promise<TestMachine> {
  const machine = testMachine([Buffer.alloc(MIB, 1)], 64 * MIB, freezer ? { freezer } : {});
  machine.begin();
  await streaming(machine);
  return machine;
}

const kindsOf = async (machine: TestMachine) => {
  await caughtUp(machine);
  return (await machine.journal()).flatMap((record) =>
    record.kind === "barrier" ? [record.consistency] : [],
  );
};

test("an application-consistent barrier stands between freeze and thaw", async () => {
  const applications = new Applications();
  const machine = await machineWith(applications);
  await machine.capture.requestBarrier(barrier(1), APPLICATION);
  expect(await kindsOf(machine)).toEqual(["application"]);
  expect(applications.log).toEqual(["freeze", "thaw"]);
  expect(machine.capture.status?.barriers).toMatchObject([{ id: barrier(1), consistency: "application" }]);
});

test.each([
  [
    "that refuse",
    (one: Applications) => (one.refuses = new LeewardError("FreezeFailed", "busy")),
    "busy",
    ["freeze"],
  ],
  ["that went on", (one: Applications) => (one.rests = false), "held for too long", ["freeze", "thaw"]],
])("with applications %s the barrier is crash-consistent, and says why", async (_, arrange, why, log) => {
  const applications = new Applications();
  arrange(applications);
  const machine = await machineWith(applications);
  await machine.capture.requestBarrier(barrier(1), APPLICATION);
  expect(await kindsOf(machine)).toEqual(["crash"]);
  const set = { id: barrier(1), consistency: "crash", why: expect.stringContaining(why) };
  expect(machine.capture.status?.barriers).toMatchObject([set]);
  expect(applications.log).toEqual(log);
});

test("a barrier that is to be skipped is not set, and says why, once", async () => {
  const machine = await machineWith();
  const terms = { ...APPLICATION, otherwise: "skip" } as const;
  await machine.capture.requestBarrier(barrier(1), terms);
  await machine.capture.requestBarrier(barrier(1), terms);
  await machine.capture.requestBarrier(barrier(2));
  expect(machine.capture.status?.refused).toEqual([
    { id: barrier(1), why: "the agent has no freeze commands" },
  ]);
  expect(await kindsOf(machine)).toEqual(["crash"]);
});

test("a thaw that fails is the agent's problem until one succeeds; the barrier stands", async () => {
  const applications = new Applications();
  applications.hangs = new LeewardError("ThawFailed", "no way");
  const machine = await machineWith(applications);
  await machine.capture.requestBarrier(barrier(1), APPLICATION);
  expect(machine.capture.status?.problem).toMatchObject({ code: "ThawFailed", message: "no way" });
  applications.hangs = undefined;
  await machine.capture.requestBarrier(barrier(2), APPLICATION);
  expect(machine.capture.status?.problem).toBeUndefined();
  expect(applications.log).toEqual(["freeze", "thaw", "freeze", "thaw"]);
  expect(await kindsOf(machine)).toEqual(["application", "application"]);
});

/** The control plane's clock is a second ahead, and known to half of `error` milliseconds. */
function tellTime({ capture }: TestMachine, error = 1): number {
  const now = systemClock.now();
  capture.controlClock.note(micros(now - error * 1000), micros(now + 1_000_000), now);
  return now + 1_000_000;
}

const inGroup = (at: number, hold = 400): BarrierTerms => ({
  ...AT_ONCE,
  instant: { at: micros(at), hold: millis(hold) },
});

test("a group's barrier waits for its instant, and holds back what comes after it", async () => {
  const machine = await machineWith();
  const at = tellTime(machine) + 300_000;
  const proved = machine.capture.requestBarrier(barrier(1), inGroup(at));
  write(diskOf(machine), 0, Buffer.alloc(4096, 2));
  expect(diskOf(machine).holding?.()).toBeUndefined();
  await until(() => machine.capture.status?.barriers.length === 1);
  const set = systemClock.now();
  expect(set).toBeGreaterThanOrEqual(at - 1_000_000 - 1000);
  write(diskOf(machine), 4096, Buffer.alloc(4096, 3));
  const holding = diskOf(machine).holding?.();
  expect(holding).toBeDefined();
  await holding;
  expect(systemClock.now()).toBeGreaterThanOrEqual(at - 1_000_000 + 400_000 - 1000);
  expect(diskOf(machine).holding?.()).toBeUndefined();
  await proved;
  await until(() => machine.capture.status?.barriers[0]?.held !== undefined);
  const first = machine.capture.status?.barriers[0];
  expect(first?.held === true || first?.why).toBeTruthy();
  await caughtUp(machine);
  const records = await machine.journal();
  const order = records.map(({ kind }) => kind);
  expect(order.lastIndexOf("data")).toBeGreaterThan(order.indexOf("barrier"));
  expect(records.filter(({ kind }) => kind === "barrier")).toHaveLength(1);
});

test.each([
  ["without the control plane's clock", undefined, 400, "is not known"],
  ["when that is known too badly", 500, 400, "100.0 ms are wanted"],
])("%s a group's barrier is refused", async (_, error, hold, why) => {
  const machine = await machineWith();
  const now = error === undefined ? systemClock.now() : tellTime(machine, error);
  await machine.capture.requestBarrier(barrier(1), inGroup(now, hold));
  expect(machine.capture.status?.refused).toMatchObject([
    { id: barrier(1), why: expect.stringContaining(why) },
  ]);
  expect(machine.capture.status?.barriers).toEqual([]);
  await caughtUp(machine);
});

test("an agent that hears of a group's barrier too late refuses it, and sets the next one", async () => {
  const machine = await machineWith();
  const now = tellTime(machine);
  await machine.capture.requestBarrier(barrier(1), inGroup(now - 5_000_000));
  await machine.capture.requestBarrier(barrier(2));
  const late = { id: barrier(1), why: expect.stringMatching(/late, and 200.0 ms are allowed/) };
  expect(machine.capture.status?.refused).toMatchObject([late]);
  expect(await kindsOf(machine)).toEqual(["crash"]);
});

test("what is to be set at once does not wait for a group's instant", async () => {
  const machine = await machineWith();
  const at = tellTime(machine) + 60_000_000;
  void machine.capture.requestBarrier(barrier(1), inGroup(at));
  void machine.capture.requestBarrier(barrier(2));
  await until(() => machine.capture.status?.barriers.length === 1);
  expect(machine.capture.status?.barriers[0]?.id).toBe(barrier(2));
  await caughtUp(machine);
});
