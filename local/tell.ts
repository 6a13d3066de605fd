import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { messageOf } from "../engine/core/errors.ts";
import { COMMANDS_HELP } from "./command.ts";

const USAGE = `Tells the box that runs what to do, from another terminal.

  npm run box -- [--box DIR] COMMAND

${COMMANDS_HELP}`;

const connection = z.object({ control: z.object({ url: z.url(), token: z.string() }) });

/** Prints what the box said; 1 when it did not do it, or does not run. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { box: { type: "string", default: ".box" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help || positionals.length === 0) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const { url, token } = controlOf(values.box);
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: positionals.join(" "),
  });
  console.log((await response.text()).trimEnd());
  return response.ok ? 0 : 1;
}

function controlOf(box: string): { url: string; token: string } {
  const file = path.resolve(box, "connection.json");
  try {
    return connection.parse(JSON.parse(readFileSync(file, "utf8"))).control;
  } catch (cause) {
    throw new Error(`no box runs in ${path.resolve(box)}: there is no ${file}`, { cause });
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(messageOf(error));
  return 1;
});
