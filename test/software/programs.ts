import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

/** Programs that are no part of the project, and the Debian packages they come in. */
const PACKAGES = {
  nbdfuse: "libnbd-bin",
  mke2fs: "e2fsprogs",
  e2fsck: "e2fsprogs",
  losetup: "mount",
  fio: "fio",
  postgres: "postgresql",
  setpriv: "util-linux",
} as const;

type Program = keyof typeof PACKAGES;

/** Debian keeps a cluster's programs out of the PATH. */
const PLACES = [
  ...(process.env["PATH"] ?? "").split(":"),
  "/usr/sbin",
  "/sbin",
  ...[13, 14, 15, 16, 17, 18].map((version) => `/usr/lib/postgresql/${version}/bin`),
];

/** Where it is; undefined when it is not installed. */
export const find = (program: string): string | undefined =>
  PLACES.map((place) => path.join(place, program)).find((file) => existsSync(file));

/** Runs a program to its end. @returns its standard output @throws with what it said when it fails */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(find(program) ?? program, args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** Why tests that need these programs cannot run here; empty when they can. */
export function lacking(...programs: readonly Program[]): string {
  const absent = programs.filter((program) => !find(program));
  return absent.length === 0
    ? ""
    : `skipped: needs ${absent.map((one) => `${one} (Debian: ${PACKAGES[one]})`).join(", ")}`;
}

/** The same for tests that mount disks. */
export function lackingMounts(...programs: readonly Program[]): string {
  if (process.getuid?.() !== 0) return "skipped: needs root";
  if (!existsSync("/dev/fuse") || !existsSync("/dev/loop-control"))
    return "skipped: needs /dev/fuse and /dev/loop-control";
  if (spawnSync("unshare", ["--mount", "true"]).status !== 0) return "skipped: may not mount";
  return lacking("nbdfuse", "losetup", "mke2fs", "e2fsck", ...programs);
}
