import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { millis } from "../engine/core/units.ts";
import { containerSas } from "../engine/storage/connect.ts";
import type { Region } from "../test/fixtures/region.ts";
import type { ChangedImage } from "./delta-image.ts";

/** Of one run. Bytes and seconds. */
export interface Figures {
  readonly seconds: number;
  readonly moved: number;
  readonly stored: number;
  /** Of the tool. */
  readonly cpu: number;
  /** Of the process that takes the data, where there is one. */
  readonly serverCpu: number;
}

export interface Place {
  readonly directory: string;
  readonly image: ChangedImage;
  readonly target: Region;
}

/** A tool that people use; `prepare` is not measured, what it returns is, again and again from the same start. */
export interface Peer {
  readonly name: string;
  readonly command: string;
  readonly knows: boolean;
  prepare(place: Place): Promise<() => Promise<Figures>>;
}

const execute = promisify(execFile);

export const isMissing = async (command: string): Promise<boolean> =>
  execute("sh", ["-c", `command -v ${command}`]).then(
    () => false,
    () => true,
  );

/** User and system time of a process that runs, in seconds. */
export function cpuOf(pid: number): number {
  // The name, in brackets, may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
/** Linux has had this value for user space on all architectures since 2.6. */
const TICKS = 100;

interface Ran {
  readonly seconds: number;
  readonly cpu: number;
  readonly output: string;
}

/** Runs a command to its end; bash's `time` counts what its children used. */
async function timed(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const begun = performance.now();
  const script = 'TIMEFORMAT="times %U %S"; time "$@"';
  const { stdout, stderr } = await execute("bash", ["-c", script, "bash", command, ...args], {
    env: { ...process.env, LC_ALL: "C", ...env },
    maxBuffer: 2 ** 26,
  });
  const seconds = (performance.now() - begun) / 1000;
  const [, user, system] = /times (\S+) (\S+)/.exec(stderr) ?? [];
  return { seconds, cpu: Number(user) + Number(system), output: stdout };
}

const sparseCopy = (from: string, to: string) => execute("cp", ["--sparse=always", from, to]);

const diskUse = async (directory: string): Promise<number> =>
  Number((await execute("du", ["-sb", directory])).stdout.split("\t")[0]);

const rsync: Peer = {
  name: "rsync --inplace --fsync, file to file",
  command: "rsync",
  knows: false,
  prepare: async ({ directory, image }) => {
    const copy = path.join(directory, "rsync.img");
    return async () => {
      await sparseCopy(image.before, copy);
      const flags = ["--inplace", "--no-whole-file", "--fsync", "--ignore-times", "--stats"];
      const { seconds, cpu, output } = await timed("rsync", [...flags, image.after, copy]);
      const sent = /Total bytes sent: ([\d,]+)/.exec(output)?.[1] ?? "0";
      return { seconds, cpu, moved: Number(sent.replaceAll(",", "")), stored: 0, serverCpu: 0 };
    };
  },
};

const restic: Peer = {
  name: "restic backup, to a directory",
  command: "restic",
  knows: false,
  prepare: async ({ directory, image }) => {
    const first = path.join(directory, "restic-first");
    const repository = path.join(directory, "restic");
    const disk = path.join(directory, "disk.img");
    const env = { RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: path.join(directory, "restic-cache") };
    const run = (at: string, ...args: string[]) => timed("restic", ["-q", "-r", at, ...args], env);
    await run(first, "init", "--repository-version", "2");
    await sparseCopy(image.before, disk);
    await run(first, "backup", disk);
    await sparseCopy(image.after, disk);
    return async () => {
      await execute("rm", ["-rf", repository]);
      await execute("cp", ["-r", first, repository]);
      const before = await diskUse(repository);
      const { seconds, cpu } = await run(repository, "backup", "--force", disk);
      const stored = (await diskUse(repository)) - before;
      return { seconds, cpu, moved: stored, stored, serverCpu: 0 };
    };
  },
};

const rclone: Peer = {
  name: "rclone copy, to the same Azurite",
  command: "rclone",
  knows: false,
  prepare: async ({ image, target }) => {
    const { credential, options, blobEndpoint, azurite, tls } = target;
    return async () => {
      const container = `rclone-${randomUUID()}`;
      await target.objects(container).ensureContainer();
      const lifetime = millis(3_600_000);
      const access = {
        endpoint: blobEndpoint,
        container,
        credential,
        permissions: "racwdl",
        lifetime,
        options,
      };
      const { url } = await containerSas(access);
      const server = cpuOf(azurite.pid);
      const where = ["--config", "/dev/null", "--ca-cert", tls.ca];
      const { seconds, cpu } = await timed(
        "rclone",
        [...where, "copy", image.after, `:azureblob:${container}`],
        {
          RCLONE_AZUREBLOB_SAS_URL: url,
        },
      );
      const { size } = statSync(image.after);
      return { seconds, cpu, moved: size, stored: size, serverCpu: cpuOf(azurite.pid) - server };
    };
  },
};

/** The overlay knows its clusters of 64 KiB, as a hypervisor's dirty bitmap would. */
const qemu: Peer = {
  name: "qemu-img commit, over NBD to a file",
  command: "qemu-img",
  knows: true,
  prepare: async ({ directory, image }) => {
    const overlay = path.join(directory, "overlay.qcow2");
    const base = path.join(directory, "base.img");
    const socket = path.join(directory, "base.sock");
    await execute("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.after, "-F", "raw", overlay]);
    await execute("qemu-img", ["rebase", "-q", "-b", image.before, "-F", "raw", overlay]);
    await execute("qemu-img", [
      "rebase",
      "-q",
      "-u",
      "-b",
      `nbd+unix:///?socket=${socket}`,
      "-F",
      "raw",
      overlay,
    ]);
    const { size } = statSync(overlay);
    return async () => {
      await sparseCopy(image.before, base);
      const server = await serve(base, socket);
      try {
        const { seconds, cpu } = await timed("qemu-img", ["commit", "-q", "-d", overlay]);
        return { seconds, cpu, moved: size, stored: size, serverCpu: cpuOf(server.pid ?? 0) };
      } finally {
        server.kill();
      }
    };
  },
};

async function serve(file: string, socket: string): Promise<ChildProcess> {
  const child = spawn("qemu-nbd", ["-f", "raw", "-t", "-k", socket, file], { stdio: "inherit" });
  while (!existsSync(socket)) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error("qemu-nbd did not start");
    await sleep(20);
  }
  return child;
}

export const PEERS: readonly Peer[] = [qemu, rsync, restic, rclone];
