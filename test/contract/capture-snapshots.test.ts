import { LeewardError } from "../../engine/core/errors.ts";
import { BLOCK } from "../../engine/core/units.ts";
import { failing } from "../fixtures/failing.ts";
import { ImageMachine } from "../fixtures/image-machine.ts";
import {
  type ProviderUnderTest,
  captureProvider,
  growingDisks,
  imagesAloneAreStates,
} from "./capture-provider.ts";

const snapshots: ProviderUnderTest = {
  name: "snapshots",
  sizes: [5 * BLOCK + 1024, 3 * BLOCK],
  runs: 8,
  async open(disks) {
    const machine = new ImageMachine(disks);
    const ended = async () => {
      machine.pass(400_000);
      await machine.untilOver();
      await machine.beginAnew();
    };
    return {
      journal: machine,
      async write(disk, offset, data) {
        machine.images.disks[disk]?.set(data, offset);
      },
      async zero(disk, offset, length) {
        machine.images.disks[disk]?.fill(0, offset, offset + length);
      },
      async point() {
        await machine.image();
        await machine.carry();
      },
      async kill(steps) {
        machine.pass(400_000);
        const fault = {
          calls: 0,
          at: steps,
          when: steps % 2 === 0 ? ("before" as const) : ("after" as const),
        };
        const through = {
          cache: failing(machine.cache, fault),
          target: failing(machine.target, fault),
          images: failing(machine.images, fault),
        };
        await machine.turn(through).catch((error: unknown) => {
          if (!(error instanceof LeewardError) || error.code !== "StorageUnavailable") throw error;
        });
      },
      async lose() {
        for (const name of machine.images.names) machine.images.lose(name);
        await ended();
      },
      async grow(disk, by) {
        machine.grow(disk, by);
        await ended();
      },
      close: async () => undefined,
    };
  },
};

captureProvider(snapshots);
growingDisks(snapshots);
imagesAloneAreStates(snapshots);
