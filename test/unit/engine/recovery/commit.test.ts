import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { beginChange } from "../../../../engine/recovery/change-point.ts";
import { beginCommit, needlessOf } from "../../../../engine/recovery/commit.ts";
import { NOW, POINT, SOURCE, ago, built, failedOver, protectedItem } from "./fixture.ts";

const OTHER = barrierId("10000000-0000-4000-8000-0000000000bb");
const TOKEN = "a-client's-own-id";

test("only a failover that waits for its commit can be committed, or be given another point", () => {
  const asked = { now: NOW, point: OTHER };
  expect(beginCommit(failedOver(), asked)).toMatchObject({ state: "Committing", job: { kind: "commit" } });
  expect(beginChange(failedOver(), asked)).toMatchObject({
    state: "FailingOver",
    job: { kind: "changePoint", point: OTHER },
  });
  expect(() => beginCommit(protectedItem(), asked)).toThrow("Commit is not possible");
  expect(() => beginChange(protectedItem(), asked)).toThrow("ChangePit is not possible");
});

test("a request that is sent again changes nothing", () => {
  const committing = beginCommit(failedOver(), { now: ago(9), token: TOKEN });
  expect(beginCommit(committing, { now: NOW, token: TOKEN })).toBe(committing);
  expect(() => beginCommit(committing, { now: NOW, token: "another" })).toThrow(/\(commit\) is at work/);
  const changing = beginChange(failedOver(), { now: ago(9), token: TOKEN, point: OTHER });
  expect(beginChange(changing, { now: NOW, token: TOKEN, point: OTHER })).toBe(changing);
  expect(() => beginChange(changing, { now: NOW, token: "another" })).toThrow(/\(changePoint\) is at work/);
});

test("another point is another one, and the size that was chosen stays", () => {
  const old = failedOver();
  expect(() => beginChange(old, { now: NOW, point: POINT })).toThrow(`runs from recovery point ${POINT}`);
  const sized = { ...old, job: { ...old.job, size: "Standard_E4s_v5" } };
  expect(beginChange(sized, { now: NOW, point: OTHER }).job.size).toBe("Standard_E4s_v5");
  const begun = beginChange(sized, { now: NOW, point: OTHER, build: { size: "Standard_D2s_v5" } });
  expect(begun.job.size).toBe("Standard_D2s_v5");
  expect(begun.generation).toBe(old.generation + 1);
});

test("a commit waits for a test that is being made of what it would delete", () => {
  const { job, ...old } = failedOver();
  const test = {
    operation: job.operation,
    state: "making" as const,
    startTime: ago(5),
    job: { operation: job.operation, kind: "testFailover" as const, startTime: ago(5), ended: false },
    network: { kind: "isolated" as const },
    place: { resourceGroup: old.vmId, vm: old.vmId, network: old.vmId, nics: [] },
  };
  expect(() => beginCommit({ ...old, job, test }, { now: NOW })).toThrow(/\(testFailover\) is at work/);
});

test("disks of other points go, and no other", () => {
  const base = built();
  if (!base.failover) throw new Error("the fixture was failed over");
  const parts = needlessOf({ ...base, failover: { ...base.failover, tried: [OTHER] } });
  const disks = parts.filter(({ part }) => part.kind === "disk");
  expect(disks.map(({ part }) => part.point)).toEqual(SOURCE.disks.map(() => OTHER));
  expect(new Set(parts.map(({ part }) => part.kind))).toEqual(new Set(["disk", "blob"]));
});
