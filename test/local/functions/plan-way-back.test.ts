import { randomBytes } from "node:crypto";
import type { DurableClient } from "durable-functions";
import { afterEach, beforeEach, expect, test } from "vitest";
import { micros } from "../../../engine/core/units.ts";
import { operationId } from "../../../engine/core/ids.ts";
import { lastSegment, vaultOf } from "../../../engine/recovery/item.ts";
import { type PlanRun, recoveryPlanRecord } from "../../../engine/recovery/recovery-plan.ts";
import { lookAtGroup } from "../../../functions/plan/run.ts";
import { SIZE, type Scene, itemIn, twoSides, unreachable } from "./way-back-scene.ts";

/* The machines of a recovery plan are given to the app of the other region. */

const PATIENCE = 120_000;

let scene: Scene;
beforeEach(async () => {
  scene = await twoSides(Buffer.concat([randomBytes(65_536), Buffer.alloc(SIZE - 65_536)]));
}, PATIENCE);
afterEach(() => scene.box.close());

async function failedOver(): Promise<void> {
  expect(await scene.north.enable(scene.machine)).not.toHaveProperty("error");
  expect(await scene.north.failOver(scene.machine)).not.toHaveProperty("error");
}

const run: PlanRun = {
  operation: operationId("c0ffee00-0000-4000-8000-000000000001"),
  type: "ReverseReplicate",
  startTime: micros(1_790_000_000_000_000),
  ended: false,
};
// Nothing is begun in this app.
const client: DurableClient = Object.create(null);

async function look(peer = scene.north.services.peer) {
  const { id } = await scene.north.item(scene.machine);
  const plan = recoveryPlanRecord.parse({
    format: 1,
    id: `${vaultOf(id)}/replicationRecoveryPlans/Shop`,
    primaryFabricId: "west",
    recoveryFabricId: "north",
    groups: [{ groupType: "Boot", items: [id], start: [], end: [] }],
  });
  return lookAtGroup({ ...scene.north.services, peer }, client, { plan, run }, 0);
}

test(
  "a machine is done once it was handed over, and is found over there",
  { timeout: PATIENCE },
  async () => {
    const { north, west, machine } = scene;
    await failedOver();
    await north.commit(machine);
    expect(await look()).toEqual({ atWork: 1, failed: 0, why: "" });
    expect(await look()).toEqual({ atWork: 0, failed: 0, why: "" });
    expect(await west.item(machine)).toMatchObject({ id: itemIn("north"), state: "Reversing" });
  },
);

test(
  "one that is not committed, and an app that does not answer, end the run",
  { timeout: PATIENCE },
  async () => {
    const { north, machine } = scene;
    await failedOver();
    const name = lastSegment((await north.item(machine)).id);
    expect(await look()).toMatchObject({
      failed: 1,
      why: expect.stringContaining("SwitchProtection is not possible"),
    });
    await north.commit(machine);
    expect(await look(unreachable)).toMatchObject({
      atWork: 0,
      failed: 1,
      why: expect.stringContaining(name),
    });
    expect(await north.item(machine)).toMatchObject({ state: "UnplannedFailoverCommitted" });
  },
);
