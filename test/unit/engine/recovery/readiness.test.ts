import { expect, test } from "vitest";
import { micros } from "../../../../engine/core/units.ts";
import {
  type ReadinessRecord,
  readinessDue,
  readinessErrors,
  readinessRecord,
  withFound,
  withProblem,
} from "../../../../engine/recovery/readiness.ts";
import { NOW, ago, failedOver, protectedItem } from "./fixture.ts";

const source = {
  region: "westeurope",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: [],
};
const item = protectedItem({ source });
const { machine } = item;
const minutes = (n: number) => micros(NOW + n * 60e6);
const MISSING = { code: "SizeMissing", message: "no size" } as const;
const EXTENSIONS = { code: "ExtensionsLost", message: "a, b" } as const;
const STOPPED = { code: "VmStopped", message: "it is deallocated" } as const;
const looked = (...found: Parameters<typeof withFound>[2]) => withFound(undefined, machine, found, NOW);

test("a machine that is replicated is looked at at once, then every 30 minutes", () => {
  expect(readinessDue(NOW, item, undefined)).toBe(true);
  expect(readinessDue(minutes(29), item, looked())).toBe(false);
  expect(readinessDue(minutes(30), item, looked())).toBe(true);
});

test("a look that Azure did not answer is taken again after five minutes, and what was found stands", () => {
  const problem = { code: "ArmUnavailable", message: "no answer" };
  const failed = withProblem(looked(MISSING), machine, problem, minutes(30));
  expect(failed).toMatchObject({ found: [MISSING], checkedAt: NOW, attemptedAt: minutes(30), problem });
  expect(readinessDue(minutes(34), item, failed)).toBe(false);
  expect(readinessDue(minutes(35), item, failed)).toBe(true);
  expect(withFound(failed, machine, [], minutes(35)).problem).toBeUndefined();
});

test("nobody looks at a machine that failed over, or whose source was not read yet", () => {
  expect(readinessDue(NOW, { ...failedOver(), source }, undefined)).toBe(false);
  const { source: _, ...unread } = item;
  expect(readinessDue(NOW, unread, undefined)).toBe(false);
});

test("a finding keeps the time at which it was first found, as long as it says the same", () => {
  const again = withFound(
    looked(MISSING, EXTENSIONS),
    machine,
    [MISSING, { ...EXTENSIONS, message: "a" }],
    minutes(30),
  );
  expect(again.found.map(({ since }) => since)).toEqual([NOW, minutes(30)]);
});

test("errors and news are health errors; warnings that were known when it was protected are not", () => {
  expect(readinessErrors(item, looked(MISSING, STOPPED, EXTENSIONS))).toMatchObject([
    { code: "SizeMissing", level: "Error", message: "no size", since: NOW },
    { code: "VmStopped", level: "Warning" },
  ]);
  expect(readinessErrors({ ...failedOver(), source }, looked(MISSING))).toEqual([]);
  expect(readinessErrors(item, undefined)).toEqual([]);
});

test("the record comes back as it was stored, codes of a newer Leeward as unreadable", () => {
  const record: ReadinessRecord = withFound(undefined, machine, [MISSING], ago(3));
  expect(readinessRecord.parse(structuredClone(record))).toEqual(record);
  const newer = { ...record, found: [{ code: "Nonsense", message: "m", since: NOW }] };
  expect(readinessRecord.parse(newer).found).toMatchObject([{ code: "Unreadable", message: "m" }]);
});
