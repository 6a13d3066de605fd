import { messageOf } from "../engine/core/errors.ts";
import { runBox } from "./interactive.ts";
import { allHold, render } from "./demo/report.ts";
import { tellStory } from "./demo/story.ts";
import { terminalOn } from "./demo/terminal.ts";
import { HELP, type Options, parseOptions } from "./options.ts";

const INTERRUPTED = 130;

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (!options) return 2;
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const stop = new AbortController();
  let asked = 0;
  // npm passes on what the terminal has sent already; more than three mean "at once".
  const interrupt = () => {
    stop.abort(new Error("interrupted"));
    if (++asked > 3) process.exit(INTERRUPTED);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt).on("SIGHUP", interrupt);
  // Who read our output may be gone before everything is stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
  try {
    return options.demo
      ? await demo(options, stop.signal)
      : await runBox(options, terminalOn(process.stdout), stop.signal);
  } catch (error) {
    if (stop.signal.aborted) {
      console.error("interrupted; everything was stopped");
      return INTERRUPTED;
    }
    console.error(`${messageOf(error)}`);
    return 1;
  }
}

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return parseOptions(args);
  } catch (error) {
    console.error(`${messageOf(error)}\nsee: npm start -- --help`);
    return undefined;
  }
}

async function demo(options: Options, signal: AbortSignal): Promise<number> {
  const terminal = terminalOn(options.json ? process.stderr : process.stdout);
  const report = await tellStory(options, terminal, signal);
  console.log(
    options.json ? JSON.stringify({ ...report, ok: allHold(report) }, undefined, 2) : render(report),
  );
  return allHold(report) ? 0 : 1;
}

// Everything was stopped: what is still open here are idle connections.
process.exit(await main(process.argv.slice(2)));
