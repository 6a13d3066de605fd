import { spawn } from "node:child_process";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { Millis } from "../engine/core/units.ts";
import type { Moment } from "../engine/replication/moment.ts";

export interface Probe {
  /** For `/bin/sh`; the images are its arguments. */
  readonly command: string;
  /** Raw images, in index order. */
  readonly images: readonly string[];
  readonly timeout: Millis;
  readonly signal: AbortSignal;
}

/** What the shell says when there is nothing to run: that tells nothing of the state. */
const NOT_RUN = [126, 127];

/**
 * Runs the command on a state; true when it ends with 0. One that takes longer than `timeout` is killed, with everything
 * that it started, and does not pass. Its output goes where ours goes, on standard error.
 * @throws InvalidSetting when the command cannot be run; the signal's reason
 */
export async function passes({ command, images, timeout, signal }: Probe, state: Moment): Promise<boolean> {
  signal.throwIfAborted();
  const child = spawn("/bin/sh", ["-c", `${command} "$@"`, "probe", ...images], {
    env: { ...process.env, ...variables(images, state) },
    stdio: ["ignore", process.stderr, process.stderr],
    detached: true,
  });
  const killAll = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const late = setTimeout(killAll, timeout);
  signal.addEventListener("abort", killAll, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", resolve);
    });
    signal.throwIfAborted();
    if (code !== null && NOT_RUN.includes(code))
      throw new LeewardError("InvalidSetting", `--probe: the shell could not run it and ended with ${code}`);
    return code === 0;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", killAll);
  }
}

const variables = (images: readonly string[], { generation, sequence, time }: Moment): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(images.map((image, index) => [`LEEWARD_DISK${index}`, image])),
  LEEWARD_GENERATION: String(generation),
  LEEWARD_SEQUENCE: String(sequence),
  LEEWARD_TIME: toIso(time),
});
