import { closeSync, openSync, writeSync } from "node:fs";
import { pointsPrefix } from "../../engine/journal/names.ts";
import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import { enable } from "../../functions/begin.ts";
import type { Step } from "./achieve.ts";
import { ENABLEMENT, ITEM, MACHINE, START, TARGET_BLOB, TARGET_GROUP, VM, imageOf } from "./place.ts";
import type { World } from "./world.ts";

const GOES_ON = /^(replicate|capture)-/;

/** Points that have arrived. */
async function points({ accounts }: World): Promise<number> {
  let found = 0;
  for await (const _ of accounts.at(TARGET_BLOB).objects.list(pointsPrefix(MACHINE))) found++;
  return found;
}

const rests = (least: number) => async (world: World) =>
  world.hub.live().every((id) => GOES_ON.test(id)) && (await points(world)) >= least;

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
  rests: rests(1),
};

/** The machine writes, and an image has it a few minutes later. */
export const nextImage: Step = {
  name: "the next image",
  async begin(world) {
    write(world, 1_048_576, "between two images");
    return "done";
  },
  rests: rests(2),
};

/** The same however often it is written. */
function write({ stage, directory }: World, at: number, text: string): void {
  for (const disk of stage.disks) {
    const file = openSync(imageOf(directory, disk), "r+");
    writeSync(file, Buffer.alloc(8192, `${disk.name} ${text} `), 0, 8192, at);
    closeSync(file);
  }
}
