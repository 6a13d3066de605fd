import { expect, test } from "vitest";
import { type ErrorCode, LeewardError } from "../../../engine/core/errors.ts";
import { diskIndex } from "../../../engine/core/units.ts";
import { failover } from "../../../orchestrations/failover.ts";
import { uploadAvoids } from "../../../orchestrations/other-road.ts";
import { Driver, type Script } from "./driver.ts";
import { FAILOVER, JOB, POINT } from "./fixture.ts";

/* What cannot be imported from the replica is rebuilt from the journal, where that avoids what went wrong. */

const [OS, DATA] = [diskIndex(0), diskIndex(1)];
const REFUSED = new LeewardError("ArmFailed", "PUT /d: 400 InvalidParameter: the blob is no VHD");

const PLAN: Script = {
  ...FAILOVER,
  planFailover: () => ({
    point: POINT,
    steps: [
      { do: "import", disk: OS, orUpload: true },
      { do: "import", disk: DATA, orUpload: true },
      { do: "nic", nic: 0 },
      { do: "vm" },
      { do: "discard", disk: OS },
    ],
  }),
  importDisk: ({ disk }) => (disk === OS ? REFUSED : (FAILOVER.createNic?.({ ...JOB, nic: 0 }, 0) ?? {})),
  giveUpImport: () => null,
  clearDisk: () => ({}),
};

test("everything that was asked for comes to its end before the import is given up, and all disks are rebuilt", () => {
  const { trace, inputs, error } = new Driver(PLAN).play(failover, JOB);
  expect(error).toBeUndefined();
  expect(trace.slice(2)).toEqual([
    "importDisk",
    "importDisk",
    "createNic",
    "sleep 5000",
    "pollArm",
    "pollArm",
    "giveUpImport",
    "clearDisk",
    "clearDisk",
    "createUploadDisk",
    "createUploadDisk",
    "restoreDisks",
    "createVm",
    "deletePromoted",
    "endJob",
  ]);
  const at = { machine: JOB.machine, point: POINT };
  const inputOf = (name: string) => inputs.find((one) => one.name === name)?.input;
  expect(inputOf("giveUpImport")).toEqual({ ...at, why: REFUSED.message });
  expect(inputOf("clearDisk")).toEqual({ ...at, disk: OS, road: "upload" });
  expect(inputs.at(-1)?.input).toMatchObject({
    steps: expect.arrayContaining([
      expect.objectContaining({ name: "create disks and network interfaces", state: "Failed" }),
      expect.objectContaining({ name: "rebuild from the journal", state: "Succeeded" }),
    ]),
  });
  expect(inputs.at(-1)?.input).not.toHaveProperty("failure");
});

test("a plan of an older Leeward ends at the import, as its history does", () => {
  const steps = [{ do: "import", disk: OS } as const, { do: "vm" } as const];
  const script = { ...PLAN, planFailover: () => ({ point: POINT, steps }) };
  const { trace, inputs } = new Driver(script).play(failover, JOB);
  expect(trace.slice(2)).toEqual(["importDisk", "endJob"]);
  expect(inputs.at(-1)?.input).toMatchObject({ failure: { message: REFUSED.message } });
});

test("an interface that fails ends the job, whatever the disks do", () => {
  const script = { ...PLAN, createNic: () => new LeewardError("ArmFailed", "PUT /n: 409 SubnetFull") };
  const { trace, inputs } = new Driver(script).play(failover, JOB);
  expect(trace).not.toContain("giveUpImport");
  expect(inputs.at(-1)?.input).toMatchObject({ failure: { message: "PUT /n: 409 SubnetFull" } });
});

test.each<[string, ErrorCode, string, boolean]>([
  ["a blob that Azure takes for no disk", "ArmFailed", "400 InvalidParameter: the blob", true],
  ["an operation that fails", "ArmFailed", "Failed: InternalExecutionError: try again later", true],
  ["an account that the app may not link to", "ArmFailed", "403 LinkedAuthorizationFailed: account", true],
  ["an account without room", "StorageFull", "promote", true],
  ["an account that does not answer", "StorageUnavailable", "promote", true],
  ["a checkpoint that is gone", "NotFound", "the replica does not hold the point", true],
  ["no right to make disks", "ArmFailed", "403 AuthorizationFailed: disks/write", false],
  ["a policy", "ArmFailed", "403 RequestDisallowedByPolicy: no disks here", false],
  ["a lock", "ArmFailed", "409 ScopeLocked: group", false],
  ["a quota", "ArmFailed", "409 OperationNotAllowed: exceeding approved PremiumDiskCount quota", false],
  ["a region without the kind of disk", "ArmFailed", "409 SkuNotAvailable: Premium", false],
  ["a group that is being deleted", "ArmFailed", "409 ResourceGroupBeingDeleted", false],
  ["somebody else's disk of the name", "ForeignResource", "disk", false],
  ["Resource Manager that does not answer", "ArmUnavailable", "503", false],
])("whether an upload avoids it: %s", (_, code, message, avoids) => {
  expect(uploadAvoids(new LeewardError(code, `PUT /d: ${message}`))).toBe(avoids);
});
