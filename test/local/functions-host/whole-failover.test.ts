import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { getVirtualMachine, powerStateOf } from "../../../engine/azure/virtual-machine.ts";
import { type ArmId, barrierId } from "../../../engine/core/ids.ts";
import { generation, millis, sequence } from "../../../engine/core/units.ts";
import { pointName } from "../../../engine/journal/names.ts";
import { targetOf } from "../../../engine/recovery/item.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import type { TestBox } from "../arm/fixture.ts";
import { DISKS, type Served, serveApp } from "../functions/served-app.ts";
import { VirtualClock } from "./virtual-clock.ts";

const HOUR = 3_600_000;
/** Seconds. So long, because the app's own budget of calls to ARM goes by the real clock. */
const RETRY_AFTER = 600;

const clock = new VirtualClock(new Date().toISOString());
let app: Served;
beforeAll(async () => {
  app = await serveApp({ clock, retryAfter: RETRY_AFTER, prepare: slowly });
});
afterAll(async () => {
  await clock.advance(3 * HOUR, () => Promise.resolve());
  await app.close();
});

/** A virtual machine takes two hours to be powered on; whatever else ARM does is done at once. */
function slowly({ hypervisor }: TestBox): void {
  const powerOn = hypervisor.powerOn.bind(hypervisor);
  hypervisor.powerOn = async (vm) => {
    await clock.sleep(millis(2 * HOUR));
    await powerOn(vm);
  };
}

const View = z.object({
  properties: z.object({ leeward: z.object({ state: z.string(), failover: z.unknown() }) }),
});
const seen = async () => View.parse((await app.call("GET", app.item.id)).body).properties.leeward;

const spoiled = barrierId("00000000-0000-4000-8000-0000000000ff");

test("a point that cannot be read is named beside the others, and refused before anything changes when it is asked for", async () => {
  const { item, call } = app;
  const { machine } = item;
  const name = pointName(machine, generation(1), sequence(1000), spoiled);
  await app.objectsAt("target").put(name, Buffer.from("{"), "absent");
  const list = Points.parse((await call("GET", `${item.id}/recoveryPoints`)).body);
  expect(list.value).toHaveLength(2);
  expect(list.leewardDamaged).toMatchObject([{ name: spoiled, sequence: 1000, code: "ManifestDamaged" }]);
  expect(list.leewardDamaged[0]?.message).toContain(name);
  expect((await call("GET", `${item.id}/recoveryPoints/${spoiled}`)).status).toBe(500);
  const recoveryPointId = `${item.id}/recoveryPoints/${spoiled}`;
  const details = { providerSpecificDetails: { instanceType: "A2A", recoveryPointId } };
  const asked = await call("POST", `${item.id}/unplannedFailover`, { properties: details });
  expect(asked).toMatchObject({ status: 500, body: { error: { code: "ManifestDamaged" } } });
  expect((await seen()).state).toBe("Protected");
});

const Points = z.object({
  value: z.array(z.unknown()),
  leewardDamaged: z.array(z.object({ name: z.string(), message: z.string() }).loose()),
});

test("the app's own failover, with its real activities, builds a machine that takes two hours, in seconds", async () => {
  const began = performance.now();
  const asked = { properties: { providerSpecificDetails: { instanceType: "A2A" } } };
  const { status, body } = await app.call("POST", `${app.item.id}/unplannedFailover`, asked);
  expect([status, body]).toEqual([202, undefined]);
  await advance(HOUR);
  expect((await seen()).state).toBe("FailingOver");
  expect(app.arm.hypervisor.calls).toEqual([]);
  await advance(1.6 * HOUR);
  const { state, failover } = await seen();
  expect(state).toBe("UnplannedFailoverCommitPending");
  const passedOver = [{ point: spoiled, code: "ManifestDamaged", message: expect.any(String) }];
  expect(failover).toMatchObject({ road: "import", announced: { writes: 1 }, passedOver });
  const vm = await getVirtualMachine(app.arm.client, targetOf(app.item).vm);
  expect(powerStateOf(vm)).toBe("running");
  const point = app.story.moments.at(-1);
  if (!point) throw new RangeError("the story has no point");
  for (const { index, name, size } of DISKS) {
    const built = diskImage(targetDisk(targetOf(app.item), name, point.barrier.id), size);
    expect(point.disks[index]?.equals(built)).toBe(true);
  }
  expect(app.arm.hypervisor.calls).toEqual(["on shop"]);
  // Of the real clock: some seconds, on a machine that has nothing else to do.
  expect(performance.now() - began).toBeLessThan(HOUR / 20);
});

const advance = (duration: number) => clock.advance(duration, () => app.host.idle());

function diskImage(disk: ArmId, size: number): Buffer {
  return readFileSync(path.join(app.folder, "disks", `${disk.split("/").at(-1)}.img`)).subarray(0, size);
}
