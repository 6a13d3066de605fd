import tls from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestBox, idOf, startBox } from "../arm/fixture.ts";
import {
  OTHER,
  POINT,
  type Scene,
  cancel,
  change,
  commit,
  failOver,
  makeSource,
  protect,
} from "./built-scene.ts";

/* What may follow on a failover: another point, or its commit, behind which there is neither another point nor a way back. */

let box: TestBox;
let scene: Scene;
beforeEach(async () => {
  box = await startBox({ config: { retryAfter: 0, operationTime: 0 } });
  // As NODE_EXTRA_CA_CERTS does, for the storage library.
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), box.ca]);
  await makeSource(box);
  scene = await protect(box);
});
afterEach(() => box.close());

const target = (type: string, name: string) => idOf("recovery", type, name);
const vm = target("Microsoft.Compute/virtualMachines", "ledger");
const disk = (name: string, point: string) =>
  target("Microsoft.Compute/disks", `${name}-${point.slice(0, 8)}`);
const DISKS = ["os", "data-a", "data-b"];
const runsFrom = (point: string) => ({
  properties: { storageProfile: { osDisk: { managedDisk: { id: disk("os", point) } } } },
});

test("the machine is built anew from another point, and the disks of the first one go", async () => {
  const first = await failOver(scene);
  const { item, error, trace } = await change(scene, OTHER);
  expect(error).toBeUndefined();
  expect(trace).not.toContain("drain");
  expect(item).toMatchObject({
    state: "UnplannedFailoverCommitPending",
    generation: first.item.generation + 1,
    failover: { point: OTHER, tried: [POINT] },
  });
  expect(item.failover?.rtoSeconds).toBeGreaterThan(0);
  expect((await box.client.get(vm)).body).toMatchObject(runsFrom(OTHER));
  for (const name of DISKS) expect(await box.client.find(disk(name, POINT))).toBeUndefined();
});

test("a change that fails can be tried again, and taken back", async () => {
  await failOver(scene);
  box.hypervisor.refusal = "kernel panic";
  expect((await change(scene, OTHER)).item.state).toBe("FailoverFailed");
  expect((await failOver(scene)).item.state).toBe("UnplannedFailoverCommitPending");
  expect((await box.client.get(vm)).body).toMatchObject(runsFrom(OTHER));
  expect((await cancel(scene)).item.state).toBe("Protected");
  for (const name of DISKS) expect(await box.client.find(disk(name, OTHER))).toBeUndefined();
});

test("committed, the machine is as it was, and the job says what stays", async () => {
  await failOver(scene);
  const before = (await box.client.get(vm)).body;
  const { item, error } = await commit(scene);
  expect(error).toBeUndefined();
  expect(item).toMatchObject({ state: "UnplannedFailoverCommitted", job: { kind: "commit", ended: true } });
  expect((await box.client.get(vm)).body).toEqual(before);
  for (const name of DISKS) expect(await box.client.find(disk(name, POINT))).toBeDefined();
  const job = await scene.services.records.jobs.get(item.job.operation);
  expect(job?.value).toMatchObject({
    state: "Succeeded",
    removed: { deleted: [], left: [{ name: `machines/${scene.machine}` }] },
  });
  await expect(cancel(scene)).rejects.toThrow("CancelFailover is not possible");
  await expect(change(scene, OTHER)).rejects.toThrow("ChangePit is not possible");
});
