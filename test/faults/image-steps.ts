import { closeSync, openSync, writeSync } from "node:fs";
import type { Micros } from "../../engine/core/units.ts";
import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import { readPoints } from "../../engine/replication/points.ts";
import { enable } from "../../functions/begin.ts";
import { ensureCapture } from "../../functions/durable.ts";
import type { Step } from "./achieve.ts";
import { ENABLEMENT, ITEM, MACHINE, START, TARGET_BLOB, TARGET_GROUP, VM, imageOf } from "./place.ts";
import type { World } from "./world.ts";

const GOES_ON = /^(replicate|capture)-/;

/** Whether a point of the disks as they were at this time, or later, has arrived. */
async function hasPoint({ accounts }: World, since: Micros): Promise<boolean> {
  const points = await readPoints(accounts.at(TARGET_BLOB).objects, MACHINE);
  return points.some(({ time }) => time >= since);
}

const goesOn = ({ hub }: World): boolean => hub.live().every((id) => GOES_ON.test(id));

/** When the machine wrote last. */
const written = new WeakMap<World, Micros>();

/** What stopped is begun again by a timer, which has no part in the story. */
async function tended({ hub }: World): Promise<void> {
  if (!hub.live().some((id) => id.startsWith("capture-"))) await ensureCapture(hub.client(), MACHINE);
}

/** Without an agent: the first image is the first point. */
export const enablementByImages: Step = {
  name: ENABLEMENT,
  async begin(world, token) {
    write(world, 4096, "before protection");
    const { services, client } = world.tools();
    const policy = recoveryPolicy.parse({ replica: "warm", capture: "snapshots" });
    const wish = { id: ITEM, vmId: VM, policy, request: { resourceGroup: TARGET_GROUP } };
    return (await enable(services, client, wish, { now: START, token })).job.operation;
  },
  rests: async (world) => goesOn(world) && hasPoint(world, START),
};

/** The machine writes, and an image has it a few minutes later. */
export const nextImage: Step = {
  name: "the next image",
  async begin(world) {
    write(world, 1_048_576, "between two images");
    written.set(world, world.eye.clock.now());
    return "done";
  },
  async rests(world) {
    await tended(world);
    const since = written.get(world);
    return since !== undefined && goesOn(world) && hasPoint(world, since);
  },
};

/** The same however often it is written. */
function write({ stage, directory }: World, at: number, text: string): void {
  for (const disk of stage.disks) {
    const file = openSync(imageOf(directory, disk), "r+");
    writeSync(file, Buffer.alloc(8192, `${disk.name} ${text} `), 0, 8192, at);
    closeSync(file);
  }
}
