import { readFile } from "node:fs/promises";
import { z } from "zod";
import { messageOf } from "../../engine/core/errors.ts";

/**
 * The machine's freeze commands, as its agent runs them: `node quiesce.ts freeze|thaw <machine.json>`. A machine that
 * does not run cannot be frozen, and needs no thaw.
 */
const [what = "", info = ""] = process.argv.slice(2);

const machine = z.object({ url: z.url() });

async function quiesce(): Promise<void> {
  if (what !== "freeze" && what !== "thaw")
    throw new Error("usage: node quiesce.ts freeze|thaw <machine.json>");
  const { url } = machine.parse(JSON.parse(await readFile(info, "utf8")));
  const answer = await fetch(new URL(`/${what}`, url), { method: "POST" }).catch(unreachable);
  if (answer && !answer.ok)
    throw new Error(`${what}: the ledger answered ${answer.status}: ${await answer.text()}`);
}

function unreachable(error: unknown): undefined {
  if (what === "freeze") throw error;
}

quiesce().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
