import { expect, test } from "vitest";
import { ensureDisk, openDisk } from "../../../engine/azure/disk.ts";
import { ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { remove } from "../../../engine/azure/resource.ts";
import { ensureResourceGroup } from "../../../engine/azure/resource-group.ts";
import { type Clock, systemClock } from "../../../engine/core/clock.ts";
import { MIB, bytes, millis } from "../../../engine/core/units.ts";
import { VirtualClock } from "../functions-host/virtual-clock.ts";
import { ARM_AUDIENCE, NORTH, OPERATOR, finished, groupId, idOf, startBox } from "./fixture.ts";

const owner = { machine: "shared", role: "test" } as const;
const id = idOf("g", "Microsoft.Compute/disks", "d");
const source = { from: "upload", size: bytes(32 * MIB) } as const;
const disk = { id, location: NORTH, sku: "Standard_LRS", source, owner };
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));
const HOUR = 3_600_000;

async function slowBox() {
  const clock = new VirtualClock(new Date().toISOString());
  const box = await startBox({ clock, config: { operationTime: 60_000, retryAfter: 0 } });
  await ensureResourceGroup(box.client, { id: groupId("g"), location: NORTH, owner });
  return { box, clock };
}

/** For a client that polls: each of its waits moves the simulator on. */
const moving = (clock: VirtualClock): Clock => ({
  now: () => clock.now(),
  async sleep() {
    await clock.advance(60_000, settle);
    await systemClock.sleep(millis(1));
  },
});

test("operations take the simulator's time, and their resource is busy meanwhile", async () => {
  const { box, clock } = await slowBox();
  try {
    const { operation } = await ensureDisk(box.client, disk);
    if (!operation) throw new Error("no operation");
    await expect(box.client.patch(id, { tags: {} })).rejects.toMatchObject({
      code: "ArmUnavailable",
      message: expect.stringContaining("AnotherOperationInProgress"),
    });
    await clock.advance(59_000, settle);
    expect((await box.client.poll(operation)).done).toBe(false);
    await clock.advance(1_000, settle);
    await expect.poll(async () => (await box.client.poll(operation)).done).toBe(true);
  } finally {
    await box.close();
  }
});

test("what is being deleted is not made before it is gone", async () => {
  const { box, clock } = await slowBox();
  try {
    const network = {
      id: idOf("g", "Microsoft.Network/virtualNetworks", "n"),
      location: NORTH,
      addressPrefixes: ["10.0.0.0/16"],
      subnets: [],
      owner,
    };
    const made = () => box.client.find(network.id);
    const begun = await ensureVirtualNetwork(box.client, network);
    expect(await ensureVirtualNetwork(box.client, network)).toMatchObject({
      operation: { mode: "resource" },
    });
    await clock.advance(60_000, settle);
    await finished(box.client, begun);
    await remove(box.client, network.id, owner);
    await expect(ensureVirtualNetwork(box.client, network)).rejects.toThrow(/is being deleted/);
    await clock.advance(60_000, settle);
    await expect.poll(made).toBeUndefined();
    expect(await ensureVirtualNetwork(box.client, network)).toMatchObject({ operation: { mode: "status" } });
  } finally {
    await box.close();
  }
});

test("a SAS ends with its duration", async () => {
  const { box, clock } = await slowBox();
  try {
    await ensureDisk(box.client, disk);
    await clock.advance(60_000, settle);
    await expect
      .poll(async () => (await box.client.get(id)).body)
      .toMatchObject({ properties: { diskState: "ReadyToUpload", provisioningState: "Succeeded" } });
    const url = new URL(await openDisk(box.client, id, { access: "Write", seconds: 3600 }, moving(clock)));
    const head = async () => (await box.call("HEAD", url.pathname + url.search)).status;
    expect(await head()).toBe(200);
    await clock.advance(HOUR, settle);
    expect(await head()).toBe(403);
  } finally {
    await box.close();
  }
});

test("a token ends after a day", async () => {
  const { box, clock } = await slowBox();
  try {
    const authorization = `Bearer ${await box.token(OPERATOR.secret, ARM_AUDIENCE)}`;
    const read = () => box.call("GET", `${groupId("g")}?api-version=2024-07-01`, { authorization });
    expect((await read()).status).toBe(200);
    await clock.advance(25 * HOUR, settle);
    expect(await read()).toMatchObject({
      status: 401,
      body: { error: { code: "ExpiredAuthenticationToken" } },
    });
  } finally {
    await box.close();
  }
});
