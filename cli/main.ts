#!/usr/bin/env node
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { UsageError } from "./usage.ts";

const HELP = `leeward: disaster recovery for Azure virtual machines, at the command line

  leeward points       list the recovery points of a machine
  leeward restore      rebuild a disk as of a point, an instant or a write, from the objects alone
  leeward lost         list what a failover lost, and extract it
  leeward bisect       find the newest state that a command finds good
  leeward verify       compare points, or an image, with what the source digested

"leeward COMMAND --help" says more.

Exit codes: 0 done, and proved where something was to be proved; 1 failed or differs; 2 wrong usage, nothing was done;
3 (verify) it could not be found out; 130 interrupted.`;

interface Command {
  readonly help: string;
  /** Of a failure; 1 when absent. */
  readonly exitCodeOf?: (error: LeewardError) => number;
  run(args: readonly string[], signal: AbortSignal): Promise<void>;
}

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  points: () => import("./points.ts"),
  restore: () => import("./restore.ts"),
  lost: () => import("./lost.ts"),
  bisect: () => import("./bisect.ts"),
  verify: () => import("./verify.ts"),
};

/** Carries the command out and returns the exit code. */
async function main([name = "", ...args]: readonly string[], signal: AbortSignal): Promise<number> {
  if (["", "help", "--help", "-h"].includes(name)) {
    console.log(HELP);
    return name === "" ? 2 : 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    console.error(`leeward has no command ${JSON.stringify(name)}\n\n${HELP}`);
    return 2;
  }
  const command = await load();
  if (args.includes("--help") || args.includes("-h")) {
    console.log(command.help);
    return 0;
  }
  try {
    await command.run(args, signal);
    return 0;
  } catch (error) {
    const code = failed(name, args.includes("--json"), error, signal);
    return code === 1 && error instanceof LeewardError ? (command.exitCodeOf?.(error) ?? 1) : code;
  }
}

function failed(name: string, json: boolean, error: unknown, signal: AbortSignal): number {
  if (signal.aborted) {
    console.error("Interrupted; nothing half done was left behind.");
    return 130;
  }
  if (error instanceof UsageError) {
    console.error(`leeward ${name}: ${error.message}\n"leeward ${name} --help" says what it takes.`);
    return 2;
  }
  const known = error instanceof LeewardError ? error : undefined;
  const message = messageOf(error);
  if (json)
    console.log(
      JSON.stringify({ error: { code: known?.code ?? "Unexpected", message, remedy: known?.remedy } }),
    );
  else if (known) console.error(`${known.code}: ${message}\n${known.remedy}`);
  else console.error(error);
  return 1;
}

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));
process.exitCode = await main(process.argv.slice(2), interrupted.signal);
