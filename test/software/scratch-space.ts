import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";

/** Hundreds of images are made and thrown away: in memory where there is some. */
const PARENT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const PREFIX = "leeward-software-";

/**
 * A directory for the tests of this `describe`. It goes when they are done, with all that is mounted below it and all
 * processes that live in it. What a killed run left goes first: a directory bears the process id of its run.
 */
export function scratchSpace(): string {
  const space = path.join(PARENT, `${PREFIX}${process.pid}-${randomUUID().slice(0, 8)}`);
  beforeAll(() => {
    for (const name of readdirSync(PARENT)) {
      const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
      if (pid && !existsSync(`/proc/${pid}`)) clear(path.join(PARENT, name));
    }
    mkdirSync(space);
  });
  afterAll(() => clear(space));
  return space;
}

function clear(space: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    if (Number(pid) !== process.pid && livesIn(space, pid)) kill(Number(pid));
  // A loop device forgets the name of its file when that is unmounted.
  const loops = loopsBelow(space);
  for (const target of mountsBelow(space).toReversed()) spawnSync("umount", ["--lazy", target]);
  for (const device of loops) spawnSync("losetup", ["--detach", device]);
  rmSync(space, { recursive: true, force: true, maxRetries: 5 });
}

/** By its arguments or its working directory; the directory's name is nobody else's. */
function livesIn(space: string, pid: string): boolean {
  try {
    const inside = (place: string) => place.includes(`${space}/`) || place.endsWith(space);
    return inside(readFileSync(`/proc/${pid}/cmdline`, "utf8")) || inside(readlinkSync(`/proc/${pid}/cwd`));
  } catch {
    return false; // it ended meanwhile
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}

/** Oldest first. */
const mountsBelow = (space: string): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((target) => target.startsWith(`${space}/`));

function loopsBelow(space: string): string[] {
  const listed = spawnSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], {
    encoding: "utf8",
  });
  return (listed.stdout ?? "")
    .split("\n")
    .filter((line) => line.includes(`${space}/`))
    .map((line) => line.split(" ")[0] ?? "");
}
