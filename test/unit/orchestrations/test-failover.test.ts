import { expect, test } from "vitest";
import { diskIndex } from "../../../engine/core/units.ts";
import { planTest } from "../../../engine/recovery/failover-plan.ts";
import { testFailoverCleanup } from "../../../orchestrations/test-failover-cleanup.ts";
import { testFailover } from "../../../orchestrations/test-failover.ts";
import { Driver, type Script } from "./driver.ts";
import { FAILOVER, JOB, POINT, failing } from "./fixture.ts";

const facts = {
  replica: "warm",
  disks: [diskIndex(0)],
  nics: 1,
  checkpointed: true,
  ownNetwork: true,
} as const;

const TEST: Script = {
  ...FAILOVER,
  planTest: () => ({ point: POINT, steps: planTest(facts) }),
  checkFit: () => null,
  observeBoot: () => ({ running: true, started: true, seen: "power state running" }),
  readBoot: () => ({ said: "login:" }),
  createTestGuard: () => ({}),
  createTestNetwork: () => ({}),
  drain: () => failing("Unexpected"),
  checkpointTo: () => failing("Unexpected"),
};

test("the network stands before what is put into it, and replication is not touched", () => {
  const { trace, error } = new Driver(TEST).play(testFailover, JOB);
  expect(error).toBeUndefined();
  expect(trace.filter((step) => !step.startsWith("sleep") && !step.endsWith("Boot"))).toEqual([
    "planTest",
    "checkFit",
    "createTestGuard",
    "createTestNetwork",
    "importDisk",
    "createNic",
    "pollArm",
    "pollArm",
    "createVm",
    "deletePromoted",
    "endJob",
  ]);
});

test("everything that is built is told that it is for a test", () => {
  const { inputs } = new Driver(TEST).play(testFailover, JOB);
  const building = [
    "createTestGuard",
    "createTestNetwork",
    "importDisk",
    "createNic",
    "createVm",
    "checkFit",
    "observeBoot",
    "readBoot",
  ];
  const built = inputs.filter(({ name }) => building.includes(name));
  expect(new Set(built.map(({ name }) => name)).size).toBe(building.length);
  for (const { input } of built) expect(input).toMatchObject({ machine: JOB.machine, test: true });
});

test("a point that no checkpoint holds is rebuilt from the journal, and the replica is not brought to it", () => {
  expect(planTest({ ...facts, checkpointed: false }).map((step) => step.do)).toEqual([
    "fit",
    "guard",
    "network",
    "upload",
    "nic",
    "restore",
    "vm",
    "boot",
  ]);
  expect(planTest({ ...facts, ownNetwork: false })[1]).toEqual({ do: "import", disk: 0, orUpload: true });
  expect(planTest({ ...facts, again: true })[1]).toEqual({ do: "clear" });
});

const CLEANUP: Script = {
  planTestCleanup: () => ({
    parts: [
      { kind: "vm" },
      { kind: "nic", at: 0 },
      { kind: "disk", at: 0 },
      { kind: "network" },
      { kind: "guard" },
    ],
  }),
  removeTestPart: () => FAILOVER.createNic?.({ ...JOB, nic: 0 }, 0) ?? {},
  pollArm: () => ({}),
  endJob: () => null,
};

test("the machine is gone before its disks go, and the network before its security group", () => {
  const { trace, inputs } = new Driver(CLEANUP).play(testFailoverCleanup, JOB);
  expect(trace).toEqual([
    "planTestCleanup",
    "removeTestPart",
    "sleep 5000",
    "pollArm",
    "removeTestPart",
    "removeTestPart",
    "sleep 5000",
    "pollArm",
    "pollArm",
    "removeTestPart",
    "sleep 5000",
    "pollArm",
    "removeTestPart",
    "sleep 5000",
    "pollArm",
    "endJob",
  ]);
  const removed = inputs.filter(({ name }) => name === "removeTestPart");
  expect(removed[0]?.input).toEqual({ machine: JOB.machine, part: { kind: "vm" } });
});

test("a clean-up of nothing ends well, and one that fails says at which step", () => {
  const nothing = new Driver({ ...CLEANUP, planTestCleanup: () => ({ parts: [] }) });
  expect(nothing.play(testFailoverCleanup, JOB).trace).toEqual(["planTestCleanup", "endJob"]);
  const { inputs } = new Driver({ ...CLEANUP, removeTestPart: () => failing("ArmFailed") }).play(
    testFailoverCleanup,
    JOB,
  );
  expect(inputs.at(-1)?.input).toMatchObject({
    failure: { code: "ArmFailed", step: "delete the virtual machine" },
  });
});
