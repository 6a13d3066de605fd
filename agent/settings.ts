import { parseArgs } from "node:util";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { MOST_DISKS, type Bytes, MIB, bytes } from "../engine/core/units.ts";
import { type FreezeCommands, freezeCommands } from "../engine/core/freeze.ts";
import { FREE_PLACE } from "./free-place.ts";
import type { ListenOn } from "./nbd/server.ts";

export interface AgentSettings {
  /** In index order; `-` where a disk was taken away. */
  readonly diskPaths: readonly string[];
  readonly listen: ListenOn;
  readonly spoolDirectory: string;
  readonly spoolLimit: Bytes;
  /** Absent: a plain NBD server that records nothing. */
  readonly configFile: string | undefined;
  /** In place of what the configuration says. */
  readonly freeze: FreezeCommands | undefined;
}

export const USAGE = `Usage: node agent/main.ts --disk <path> [--disk <path> ...] --listen <address> --spool <directory> [options]

Serves the disks over NBD and replicates every write.

  --disk <path>          raw file, or block device that nobody else uses; the first is disk0;
                         - keeps the place of a disk that was taken away
  --listen <address>     unix:<path> or tcp:<port> on 127.0.0.1, port 0 for a free one
  --spool <directory>    where writes wait for their upload; made when it is missing
  --spool-limit <MiB>    most it may hold, at least 64 (default 1024)
  --config <file>        waits for this file, which the VM extension writes, then replicates;
                         without it nothing is recorded
  --freeze-pre <command>   brings the applications to rest for an application-consistent point; run by the shell
  --freeze-post <command>  has them go on; may run twice, and when nothing was frozen
  --freeze-timeout <ms>    each is killed when it takes longer (default 30000)
  --freeze-hold <ms>       the applications rest for no longer than this (default 10000)
  --help                   this text
`;

const LEAST_SPOOL = 64;

/** Undefined when help was asked for. @throws InvalidSetting naming the argument. */
export function readSettings(args: readonly string[]): AgentSettings | undefined {
  const found = parse(args);
  const { disk, listen, spool, config, help, "spool-limit": limit } = found;
  if (help) return undefined;
  if (!disk || disk.length === 0) throw wrong("--disk", "at least one is needed");
  if (disk.length > MOST_DISKS) throw wrong("--disk", `at most ${MOST_DISKS}, not ${disk.length}`);
  const paths = disk.filter((path) => path !== FREE_PLACE);
  if (paths.length === 0) throw wrong("--disk", "at least one is needed");
  if (new Set(paths).size < paths.length) throw wrong("--disk", "the same disk twice");
  if (!listen) throw wrong("--listen", "is missing");
  if (!spool) throw wrong("--spool", "is missing");
  return {
    diskPaths: disk,
    listen: readListen(listen),
    spoolDirectory: spool,
    spoolLimit: readLimit(limit ?? "1024"),
    configFile: config,
    freeze: readFreeze(found),
  };
}

function readFreeze(found: ReturnType<typeof parse>): FreezeCommands | undefined {
  const { "freeze-pre": pre, "freeze-post": post, "freeze-timeout": timeout, "freeze-hold": hold } = found;
  if (pre === undefined && post === undefined) return undefined;
  if (pre === undefined || post === undefined)
    throw wrong("--freeze-pre, --freeze-post", "one needs the other");
  const each = timeout === undefined ? undefined : Number(timeout);
  const read = freezeCommands.safeParse({
    pre,
    post,
    preTimeout: each,
    postTimeout: each,
    hold: hold === undefined ? undefined : Number(hold),
  });
  if (read.success) return read.data;
  throw wrong(
    "--freeze-*",
    read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
  );
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        disk: { type: "string", multiple: true },
        listen: { type: "string" },
        spool: { type: "string" },
        "spool-limit": { type: "string" },
        config: { type: "string" },
        "freeze-pre": { type: "string" },
        "freeze-post": { type: "string" },
        "freeze-timeout": { type: "string" },
        "freeze-hold": { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new LeewardError("InvalidSetting", messageOf(error), error);
  }
}

function readListen(text: string): ListenOn {
  const [, kind, rest] = /^(unix|tcp):(.+)$/.exec(text) ?? [];
  if (kind === "unix" && rest) {
    // The kernel cuts longer names off without a word.
    if (Buffer.byteLength(rest) > 107) throw wrong("--listen", "a socket's path has at most 107 bytes");
    return { kind: "unix", path: rest };
  }
  const port = Number(rest);
  if (kind === "tcp" && Number.isInteger(port) && port >= 0 && port <= 65_535) return { kind: "tcp", port };
  throw wrong("--listen", `not unix:<path> or tcp:<port>: ${text}`);
}

function readLimit(text: string): Bytes {
  const mebibytes = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (mebibytes < LEAST_SPOOL)
    throw wrong("--spool-limit", `not a number of MiB from ${LEAST_SPOOL} on: ${text}`);
  return bytes(mebibytes * MIB);
}

const wrong = (argument: string, why: string): LeewardError =>
  new LeewardError("InvalidSetting", `${argument}: ${why}`);
