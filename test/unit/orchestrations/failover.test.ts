import { expect, test } from "vitest";
import { diskIndex } from "../../../engine/core/units.ts";
import { failover } from "../../../orchestrations/failover.ts";
import { Driver } from "./driver.ts";
import { FAILOVER, JOB, POINT, failing } from "./fixture.ts";

test("disks and NICs are asked for together, then waited for together", () => {
  const { trace } = new Driver(FAILOVER).play(failover, JOB);
  expect(trace).toEqual([
    "drain",
    "planFailover",
    "checkpointTo",
    "importDisk",
    "importDisk",
    "createNic",
    "sleep 5000",
    "pollArm",
    "pollArm",
    "pollArm",
    "createVm",
    "observeVm",
    "sleep 1000",
    "observeVm",
    "sleep 1500",
    "observeVm",
    "deletePromoted",
    "endJob",
  ]);
});

test("the point that the plan chose is the one that is built", () => {
  const { inputs } = new Driver(FAILOVER).play(failover, { ...JOB, point: POINT });
  expect(inputs.find(({ name }) => name === "planFailover")?.input).toEqual({ ...JOB, point: POINT });
  const built = inputs.filter(({ name }) => ["importDisk", "createVm", "checkpointTo"].includes(name));
  expect(built.map(({ input }) => input)).toEqual([
    { machine: JOB.machine, point: POINT },
    { machine: JOB.machine, point: POINT, disk: 0 },
    { machine: JOB.machine, point: POINT, disk: 1 },
    { machine: JOB.machine, point: POINT },
  ]);
});

test("without a replica the disks wait for the journal before the VM is made", () => {
  const script = {
    ...FAILOVER,
    planFailover: () => ({
      point: POINT,
      steps: [
        { do: "upload", disk: diskIndex(0) } as const,
        { do: "nic", nic: 0 } as const,
        { do: "restore" } as const,
        { do: "vm" } as const,
      ],
    }),
  };
  const { trace } = new Driver(script).play(failover, JOB);
  const order = ["createUploadDisk", "createNic", "restoreDisks", "createVm", "endJob"];
  expect(trace.filter((step) => order.includes(step))).toEqual(order);
});

test("a failure names the step, and nothing after it is done", () => {
  const { inputs, trace, error } = new Driver({ ...FAILOVER, createVm: () => failing("ArmFailed") }).play(
    failover,
    JOB,
  );
  expect(inputs.at(-1)?.input).toMatchObject({
    failure: { code: "ArmFailed", step: "create the virtual machine" },
  });
  expect(trace).not.toContain("observeVm");
  expect(error?.message).toBe("[ArmFailed] told so");
});

test("storage that does not answer for a moment costs seconds, not the failover", () => {
  const script = {
    ...FAILOVER,
    checkpointTo: (_: unknown, nth: number) => (nth === 0 ? failing("StorageUnavailable") : null),
  };
  const { trace, error } = new Driver(script).play(failover, JOB);
  expect(error).toBeUndefined();
  expect(trace.slice(2, 5)).toEqual(["checkpointTo", "sleep 1000", "checkpointTo"]);
});
