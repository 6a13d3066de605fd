import { expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { bytes, diskIndex } from "../../../engine/core/units.ts";
import { failover } from "../../../orchestrations/failover.ts";
import { Driver, type Script } from "./driver.ts";
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

const UPLOAD: Script = {
  ...FAILOVER,
  planFailover: () => ({
    point: POINT,
    steps: [{ do: "upload", disk: diskIndex(0) }, { do: "nic", nic: 0 }, { do: "restore" }, { do: "vm" }],
  }),
};

test("without a replica the disks wait for the journal before the VM is made", () => {
  const { trace } = new Driver(UPLOAD).play(failover, JOB);
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

test("disks are rebuilt in as many turns as they take, and the job says how far they are", () => {
  const turned = (nth: number) => ({ more: nth < 3, done: bytes(nth * 100), total: bytes(300) });
  const script = { ...UPLOAD, restoreDisks: (_: unknown, nth: number) => turned(nth) };
  const { trace, statuses } = new Driver(script).play(failover, JOB);
  expect(trace.filter((step) => step === "restoreDisks")).toHaveLength(4);
  expect(trace.indexOf("createVm")).toBeGreaterThan(trace.lastIndexOf("restoreDisks"));
  const shown = [0, 100, 200].map((done) =>
    expect.objectContaining({
      phase: "rebuild from the journal",
      progress: expect.objectContaining({ done, total: 300 }),
    }),
  );
  expect(statuses).toEqual(expect.arrayContaining(shown));
});

test("a turn that fails for a moment is repeated alone", () => {
  const script = {
    ...UPLOAD,
    restoreDisks: (_: unknown, nth: number) =>
      nth === 1 ? failing("ObjectChanged") : { more: nth < 2, done: bytes(1), total: bytes(2) },
  };
  const { trace, error } = new Driver(script).play(failover, JOB);
  expect(error).toBeUndefined();
  const steps = trace.slice(trace.indexOf("restoreDisks"), trace.lastIndexOf("restoreDisks") + 1);
  expect(steps).toEqual(["restoreDisks", "restoreDisks", "sleep 1000", "restoreDisks"]);
});

const BUILT: Script = {
  ...FAILOVER,
  planFailover: () => ({
    point: POINT,
    steps: [{ do: "fit" }, { do: "clear" }, { do: "vm" }, { do: "boot" }],
  }),
  checkFit: () => null,
  clearVm: () => ({}),
  observeBoot: (_, nth) => ({
    running: nth > 0,
    started: nth > 2,
    seen: "power state running, VM agent Not Ready",
  }),
  readBoot: () => ({ said: "login:" }),
};

test("the region is asked before anything is built, and the console is read once the machine has started", () => {
  const { trace, error } = new Driver(BUILT).play(failover, JOB);
  expect(error).toBeUndefined();
  expect(trace.filter((step) => !step.startsWith("sleep"))).toEqual([
    "drain",
    "planFailover",
    "checkFit",
    "clearVm",
    "createVm",
    "observeBoot",
    "observeBoot",
    "observeBoot",
    "observeBoot",
    "readBoot",
    "endJob",
  ]);
});

test("a machine that does not start in time is told with what was seen of it", () => {
  const never = { running: true, started: false, seen: "power state running, VM agent silent" };
  const { inputs } = new Driver({ ...BUILT, observeBoot: () => never }).play(failover, JOB);
  expect(inputs.at(-1)?.input).toMatchObject({
    failure: {
      code: "TimedOut",
      step: "wait until it runs",
      message: `the virtual machine built from point ${POINT} runs, but has not started after 15 minutes: power state running, VM agent silent; its console ends with: login:`,
    },
  });
});

const unfit = new LeewardError(
  "TargetUnfit",
  "no room. Sizes that would do, nearest first: Standard_D2as_v5",
);

test.each([
  ["AllocationFailed", "PUT /x: operation on /x: Failed: AllocationFailed: no room in the region"],
  ["SkuNotAvailable", "PUT /x: 409 SkuNotAvailable: not in northeurope"],
  ["a quota", "PUT /x: 409 OperationNotAllowed: results in exceeding approved Total Regional vCPUs quota"],
])("a size that the region refuses by %s ends the job with sizes that would do", (_, words) => {
  const script = { ...BUILT, createVm: () => new LeewardError("ArmFailed", words), offerSizes: () => unfit };
  const { inputs } = new Driver(script).play(failover, JOB);
  expect(inputs.find(({ name }) => name === "offerSizes")?.input).toMatchObject({ refused: words });
  expect(inputs.at(-1)?.input).toMatchObject({
    failure: { code: "TargetUnfit", message: unfit.message, step: "create the virtual machine" },
  });
});

test("any other refusal is told as it is", () => {
  const script = { ...BUILT, createVm: () => new LeewardError("ArmFailed", "PUT /x: 400 BadRequest: no") };
  const { inputs, trace } = new Driver(script).play(failover, JOB);
  expect(trace).not.toContain("offerSizes");
  expect(inputs.at(-1)?.input).toMatchObject({ failure: { code: "ArmFailed" } });
});
