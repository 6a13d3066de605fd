import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./programs.ts";

/** A file system on a disk that is reached through the agent: the kernel's, over a loop device, over `nbdfuse`. */
export interface LiveMount {
  readonly directory: string;
  unmount(): Promise<void>;
}

export async function mountLive(space: string, socket: string, name: string): Promise<LiveMount> {
  const file = path.join(space, `${name}.nbd`);
  writeFileSync(file, "");
  const bridge = spawn("nbdfuse", [file, `nbd+unix:///${name}?socket=${socket}`], { stdio: "inherit" });
  const over = once(bridge, "exit");
  while (statSync(file).size === 0) await Promise.race([sleep(5), over.then(failed)]);
  const device = (await run("losetup", "--find", "--show", file)).trim();
  const directory = path.join(space, name);
  mkdirSync(directory);
  await run("mount", "-o", "discard", device, directory);
  return {
    directory,
    unmount: async () => {
      await run("umount", directory);
      await run("losetup", "--detach", device);
      await run("umount", file);
      await over;
    },
  };
}

function failed(): never {
  throw new Error("nbdfuse ended");
}

/**
 * Mounts images, so that the kernel recovers what is on them, and unmounts them again whatever the work does.
 * @param at where each is to be seen; made when it is missing
 */
export async function withMounted<Result>(
  images: readonly string[],
  at: readonly string[],
  work: () => Promise<Result>,
): Promise<Result> {
  const mounted: string[] = [];
  try {
    for (const [index, image] of images.entries()) {
      const directory = at[index] ?? "";
      mkdirSync(directory, { recursive: true });
      await run("mount", "-o", "loop", image, directory);
      mounted.push(directory);
    }
    return await work();
  } finally {
    for (const directory of mounted.toReversed()) await run("umount", directory);
  }
}

/** @returns what `e2fsck` has to say about an unmounted ext4; empty when it is clean */
export async function fsckWrongs(image: string): Promise<string[]> {
  try {
    await run("e2fsck", "-f", "-n", image);
    return [];
  } catch (error) {
    return [`e2fsck: ${String(error instanceof Error && "stdout" in error ? error.stdout : error)}`];
  }
}

/** An ext4 on a new image, with what the directory holds when one is given. */
export async function makeExt4(image: string, mebibytes: number, content?: string): Promise<void> {
  const from = content === undefined ? [] : ["-d", content];
  await run(
    "mke2fs",
    "-q",
    "-F",
    "-t",
    "ext4",
    "-b",
    "4096",
    "-J",
    "size=4",
    ...from,
    image,
    `${mebibytes}M`,
  );
}
