import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../engine/core/errors.ts";
import { type Box, openBox } from "./box/box.ts";
import { writeConnection } from "./box/connection.ts";
import { openControl } from "./box/control.ts";
import { type Hands, obey } from "./command.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "./demo/ledger-disk.ts";
import { BRISK_SCHEDULE, runningLedgers, sourceLedger } from "./demo/scene.ts";
import type { Terminal } from "./demo/terminal.ts";
import type { Options } from "./options.ts";
import { Shop } from "./shop.ts";
import { standings } from "./standing.ts";

/** Access tokens of the box live a day; a fresh one is written long before. */
const RENEW_MILLIS = 60 * 60 * 1000;
const WATCH_MILLIS = 1000;
/** Small, so that a cache in trouble fills it in minutes and not in an hour; the first copy still fits its half. */
const SPOOL_MEBIBYTES = 256;

/** Brings the box up, or resumes it, and leaves it running until it is interrupted. Returns the exit code. */
export async function runBox(options: Options, terminal: Terminal, signal: AbortSignal): Promise<number> {
  if (options.fresh) rmSync(options.directory, { recursive: true, force: true });
  const line = terminal.step("box");
  const box = await openBox({
    directory: options.directory,
    machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    prepareDisk: (plan) => prepareLedgerDisks(plan.sourceVm, options.seed),
    pointSchedule: BRISK_SCHEDULE,
    spoolMebibytes: SPOOL_MEBIBYTES,
    wayBack: true,
    onProgress: (what) => line.update(what),
  });
  line.done(`up, in ${options.directory}`);
  try {
    await attend(box, options, terminal, signal);
    terminal.say("stopping; what is in the box stays, and the next start resumes it");
    return 0;
  } finally {
    await box.stop();
  }
}

/** Customers shop wherever there is a ledger, and the connection file is there, until somebody has had enough. */
async function attend(box: Box, options: Options, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const shop = new Shop(box, options, terminal);
  const hands = handsOf(box, shop, terminal);
  const source = await sourceLedger(box);
  const control = await openControl(box.plan.adminToken, (command) => obey(command, hands));
  const connection = await writeConnection(box, source, control);
  const renewal = setInterval(() => {
    writeConnection(box, source, control).catch((error: unknown) =>
      terminal.say(`connection.json: ${String(error)}`),
    );
  }, RENEW_MILLIS);
  terminal.say(guide(box, await runningLedgers(box)));
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (command) => {
    if (command.trim() !== "")
      obey(command, hands).then(
        (said) => terminal.say(said),
        (error: unknown) => terminal.say(messageOf(error)),
      );
  });
  await Promise.all([shop.keep(signal), report(box, terminal, signal)]);
  commands.close();
  clearInterval(renewal);
  connection.remove();
  await control.stop();
}

function handsOf(box: Box, shop: Shop, terminal: Terminal): Hands {
  return {
    box,
    async status() {
      const found = (await standings(box)).flatMap(({ lines }) => lines);
      const machines = found.length > 0 ? found : ["no machine is protected: see the portal"];
      return [...machines, shop.figures].join("\n");
    },
    file: (wanted) =>
      void shop.file(wanted).then(
        (filed) => terminal.say(filed),
        (error: unknown) => terminal.say(`the documents were not filed: ${messageOf(error)}`),
      ),
  };
}

/** Says whenever the protection of a machine has become another, and nothing in between. */
async function report(box: Box, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let told = new Set<string>();
  while (!signal.aborted) {
    try {
      const found = await standings(box);
      for (const { gist, lines } of found)
        if (!told.has(gist)) terminal.say(`${new Date().toISOString().slice(11, 19)}  ${lines.join("\n")}`);
      told = new Set(found.map(({ gist }) => gist));
    } catch (error) {
      const silent = `the control plane does not answer: ${messageOf(error)}`;
      if (!told.has(silent)) terminal.say(silent);
      told = new Set([silent]);
    }
    await sleep(WATCH_MILLIS, undefined, { signal }).catch(() => undefined);
  }
}

const guide = (box: Box, ledgers: readonly string[]) => `
  portal         ${box.portal}
  orchestrations ${box.orchestrations}   (what the control plane is doing, as timelines)
  control plane  ${box.endpoint}   (what a client needs is in ${box.plan.directory}/connection.json)
  the shop       ${ledgers.map((url) => `${url}/orders`).join(" and ") || "no machine runs"}   (customers order all the time)

  1. Open the portal and press Enable beside the machine "ledger".
  2. Watch its initial copy, both losses and the recovery points.
  3. Type "lose" and Enter here: the source region is gone, without a warning.
  4. Press Fail over in the portal, and see the ledger come up again here.
  5. Type "return": the region is back, and the portal says what was really lost, write by write.
  6. Commit, and protect it the other way round: the app in the returned region takes it over, and it can go home.

  Or, while it is protected: "trouble cache full", then "documents 300", and watch what the agent does about it, and what the
  customers notice of it; "trouble cache none" ends it. "help" lists all commands; "npm run box -- COMMAND" takes them from another terminal.

  What is in the target region is enough, without the control plane: docs/box.md, "Restore from the box".

  Ctrl-C stops everything. The next npm start resumes; npm start -- --fresh begins anew.
`;
