import { expect, test } from "vitest";
import { KIB, MIB, bytes, millis } from "../../../engine/core/units.ts";
import type { Capture } from "../../../agent/capture.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { caughtUp, diskOf, streaming, testMachine, until, write } from "./machine.ts";

/* What the agent says that its guest wrote, beside a guest that counts. */

/** A disk of which half is to be copied. */
const disk = () => Buffer.concat([Buffer.alloc(MIB, "old "), Buffer.alloc(MIB)]);

/** Writes, and zeroes now and then; returns what it did. */
async function guest(to: ReturnType<typeof diskOf>, rounds: number) {
  const done = { writes: 0, bytes: 0 };
  for (let n = 0; n < rounds; n++) {
    const data = Buffer.alloc(((n % 5) + 1) * 4 * KIB, `${n} `);
    write(to, ((n * 37) % 200) * 4 * KIB, data);
    done.writes++;
    done.bytes += data.length;
    if (n % 7 === 0) await to.zero(bytes(MIB + n * KIB), bytes(512));
    if (n % 7 === 0) done.writes++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

/** As the control plane reckons it. */
function counted({ status }: Capture, which: "captured" | "cached") {
  const { sequence, bytes: size, copied } = status?.[which] ?? { sequence: 0, bytes: 0 };
  return { writes: sequence - (copied?.writes ?? 0), bytes: size - (copied?.bytes ?? 0) };
}

test("captured and cached hold the guest's writes and the copies of a first copy apart", async () => {
  const machine = testMachine([disk()]);
  machine.begin();
  const done = await guest(diskOf(machine), 60);
  await streaming(machine);
  await caughtUp(machine);
  const { captured, written } = machine.capture.status ?? {};
  expect(captured?.copied?.writes).toBeGreaterThan(0);
  expect(counted(machine.capture, "captured")).toEqual(done);
  expect(counted(machine.capture, "cached")).toEqual(done);
  expect(written).toEqual([done]);
});

test("an agent that was killed goes on with the same count", async () => {
  const machine = testMachine([disk()]);
  machine.begin();
  const done = await guest(diskOf(machine), 60);
  await streaming(machine);
  const copied = machine.capture.status?.captured.copied;
  await machine.capture.close(millis(0));
  const again = machine.restarted();
  try {
    expect(again.status?.captured.copied).toEqual(copied);
    expect(counted(again, "captured")).toEqual(done);
  } finally {
    await again.close(millis(0));
  }
});

test("what the guest writes behind the end of a journal is counted, and said to be in none", async () => {
  const machine = testMachine([disk()]);
  machine.begin();
  await streaming(machine);
  const before = machine.capture.status?.captured.sequence;
  machine.capture.stop(new LeewardError("AgentFenced", "the control plane ended this generation"));
  const done = await guest(diskOf(machine), 20);
  await until(() => machine.capture.status?.mode === "stopped");
  const { captured, pressure } = machine.capture.status ?? {};
  expect(captured?.sequence).toBe(before);
  expect(pressure?.unrecorded).toMatchObject({ writes: done.writes });
  expect(pressure?.unrecorded?.bytes).toBeGreaterThanOrEqual(done.bytes);
});
