import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findVirtualMachine, powerStateOf } from "../../../engine/azure/virtual-machine.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { BLOCK, MIB } from "../../../engine/core/units.ts";
import { itemKeyOf, targetOf } from "../../../engine/recovery/item.ts";
import { beginAgain } from "../../../engine/recovery/reversal.ts";
import { findItem, lookUp } from "../../../functions/find-item.ts";
import { recoveryContainerFor, tendGiven, turnRound } from "../../../functions/reprotect.ts";
import { finished } from "../arm/fixture.ts";
import {
  DISK,
  SIZE,
  type Scene,
  type Side,
  VM,
  builtDisk,
  containerIn,
  itemIn,
  twoSides,
  unreachable,
} from "./way-back-scene.ts";

const PATIENCE = 120_000;

let scene: Scene;
let content: Buffer;
beforeEach(async () => {
  content = Buffer.concat([randomBytes(4 * MIB), Buffer.alloc(SIZE - 4 * MIB)]);
  scene = await twoSides(content);
}, PATIENCE);
afterEach(() => scene.box.close());

const asked = { token: "the-request", recoveryContainerId: containerIn("west") };

/** Protected, failed over and committed: it runs in the north. */
async function away(): Promise<void> {
  const { north, machine } = scene;
  expect(await north.enable(machine)).not.toHaveProperty("error");
  expect(await north.failOver(machine)).not.toHaveProperty("error");
  expect(await north.commit(machine)).not.toHaveProperty("error");
}

const turn = async (from: Side) =>
  turnRound(from.services, await from.item(scene.machine), {
    ...asked,
    recoveryContainerId: recoveryContainerFor(await from.item(scene.machine), undefined),
  });

test(
  "a machine goes there and back by two apps, and each way only what differs from the old disks is copied",
  { timeout: PATIENCE },
  async () => {
    const { north, west, machine, box } = scene;
    await away();
    const built = builtDisk(await north.item(machine));
    expect(scene.disk(built).equals(content)).toBe(true);
    // The old machine writes what is lost, and the new one goes on.
    scene.write(DISK, 0, randomBytes(BLOCK));
    scene.write(built, MIB, randomBytes(2 * BLOCK));

    const given = await turn(north);
    expect(given).toMatchObject({ state: "Reversed", reversal: { id: itemIn("north"), to: "westeurope" } });
    await expect(findItem(north.services, itemIn("west"))).rejects.toMatchObject({
      code: "NotFound",
      message: expect.stringContaining(itemIn("north")),
    });
    const taken = await findItem(west.services, itemIn("north"));
    expect(taken).toMatchObject({
      state: "Reversing",
      recoveryContainerId: containerIn("west"),
      job: { kind: "reverse", operation: given.reversal?.operation },
    });

    const { error, trace } = await west.reverse(machine);
    expect(error).toBeUndefined();
    expect(trace).toContain("closeFormer");
    expect(await west.item(machine)).toMatchObject({ state: "Protected", job: { ended: true } });
    const old = await findVirtualMachine(west.services.arm, VM);
    expect(old && powerStateOf(old)).toBe("deallocated");
    expect((await scene.snapshots()).filter((id) => id.includes("leeward-seed"))).toEqual([]);
    expect((await west.newest(machine)).equals(scene.disk(built))).toBe(true);
    const progress = (await west.services.records.progress.get(machine))?.value;
    // Three blocks differ: one that the old machine wrote, and two of the new one.
    expect(progress?.resync?.sent).toBe(3 * BLOCK);

    scene.write(built, 2 * MIB, randomBytes(BLOCK));
    await west.failOver(machine);
    await west.commit(machine);
    const back = await west.item(machine);
    expect(back.state).toBe("UnplannedFailoverCommitted");
    expect(targetOf(back).vm).toBe(`${VM}-back`);

    await turn(west);
    expect((await lookUp(north.services, itemIn("west")))?.value.state).toBe("Reversing");
    expect((await north.reverse(machine)).error).toBeUndefined();
    expect(await findItem(north.services, itemIn("west"))).toMatchObject({ state: "Protected", machine });
    await expect(findItem(west.services, itemIn("north"))).rejects.toMatchObject({ code: "NotFound" });
    expect((await north.newest(machine)).equals(scene.disk(builtDisk(back)))).toBe(true);
    expect((await scene.snapshots()).filter((id) => id.includes("leeward-seed"))).toEqual([]);
    expect(box.hypervisor.running.has(`${VM}-back`.toLowerCase())).toBe(true);
  },
);

test(
  "what the other side refuses has changed nothing, and one that is gone before it takes over is asked again",
  { timeout: PATIENCE },
  async () => {
    const { north, west, machine } = scene;
    await away();
    const before = await north.item(machine);
    north.peer = unreachable;
    await expect(turn(north)).rejects.toMatchObject({ code: "PeerUnreachable" });
    expect(await north.item(machine)).toEqual(before);

    const there = west.asPeer();
    north.peer = {
      call: (path, body, answer) =>
        JSON.stringify(body).includes('"dryRun":true')
          ? there.call(path, body, answer)
          : unreachable.call(path, body, answer),
    };
    await expect(turn(north)).rejects.toMatchObject({ code: "PeerUnreachable" });
    // It is shown as long as nobody else has it, and the same request goes on.
    expect(await findItem(north.services, itemIn("west"))).toMatchObject({ state: "Reversed" });
    await expect(turn(north)).rejects.toMatchObject({ code: "PeerUnreachable" });
    expect(await lookUp(west.services, itemIn("north"))).toBeUndefined();

    north.peer = there;
    await tendGiven(north.services, await north.item(machine));
    const operation = (await north.item(machine)).reversal?.operation;
    expect((await west.item(machine)).job.operation).toBe(operation);
    // An acknowledgement that was lost changes nothing over there.
    await north.services.records.items.update(itemKeyOf(machine), ({ reversal, ...old }) => ({
      ...old,
      reversal: reversal && { ...reversal, operation: undefined },
    }));
    await tendGiven(north.services, await north.item(machine));
    expect((await north.item(machine)).reversal?.operation).toBe(operation);
    expect((await west.item(machine)).generation).toBe((await north.item(machine)).reversal?.generation);
  },
);

test(
  "a reprotection that fails anywhere is asked for again and goes on, each of its steps may run twice, and nothing stays open",
  { timeout: PATIENCE },
  async () => {
    const { north, west, machine } = scene;
    await away();
    const built = builtDisk(await north.item(machine));
    scene.write(built, MIB, randomBytes(BLOCK));
    await turn(north);
    west.twice = true;
    const failed: string[] = [];
    west.fault = (name) => {
      if (name === "endJob" || name === "closeFormer" || failed.includes(name)) return;
      failed.push(name);
      throw new LeewardError("ArmFailed", `${name} fails`);
    };
    while ((await west.reverse(machine)).error !== undefined) {
      expect((await west.item(machine)).state).toBe("ReversalFailed");
      expect((await scene.snapshots()).filter((id) => id.includes("leeward-seed"))).toEqual([]);
      await west.services.records.items.update(itemKeyOf(machine), (old) =>
        beginAgain(old, { now: west.services.clock.now() }),
      );
    }
    expect((await west.item(machine)).state).toBe("Protected");
    expect(failed).toEqual(
      expect.arrayContaining(["stopFormer", "seedFormer", "startCapture", "countPoints"]),
    );
    expect((await west.newest(machine)).equals(scene.disk(built))).toBe(true);
  },
);

test(
  "where an old disk is gone all of it is copied, which the job says; disable ends both sides",
  { timeout: PATIENCE },
  async () => {
    const { north, west, machine, box } = scene;
    await away();
    const built = builtDisk(await north.item(machine));
    const { vm: runs } = targetOf(await north.item(machine));
    await finished(box.client, await box.client.delete(VM));
    await finished(box.client, await box.client.delete(DISK));
    const { reversal } = await turn(north);
    expect((await west.reverse(machine)).error).toBeUndefined();
    const job = reversal?.operation && (await west.services.records.jobs.get(reversal.operation));
    expect(job && job.value.changes).toContain("the former disk ledger-os is gone: all of it is copied");
    expect((await west.newest(machine)).equals(scene.disk(built))).toBe(true);

    await west.beginDisable(machine);
    expect((await west.disable(machine)).error).toBeUndefined();
    expect(await lookUp(west.services, itemIn("north"))).toBeUndefined();
    expect(await north.item(machine)).toMatchObject({ state: "Disabling", removal: { from: "Reversed" } });
    await expect(findItem(north.services, itemIn("west"))).rejects.toMatchObject({ code: "NotFound" });
    expect((await north.disable(machine)).error).toBeUndefined();
    expect(await lookUp(north.services, itemIn("west"))).toBeUndefined();
    // What runs is the user's.
    const vm = await findVirtualMachine(north.services.arm, runs);
    expect(vm && powerStateOf(vm)).toBe("running");
  },
);
