import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Box, openBox } from "./box/box.ts";
import { writeConnection } from "./box/connection.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "./demo/ledger-disk.ts";
import { BRISK_SCHEDULE, customersAt, runningLedgers, sourceLedger } from "./demo/scene.ts";
import type { Terminal } from "./demo/terminal.ts";
import type { Customers } from "./machine/customers.ts";
import type { Options } from "./options.ts";

/** Access tokens of the box live a day; a fresh one is written long before. */
const RENEW_MILLIS = 60 * 60 * 1000;
const WATCH_MILLIS = 1000;

/** Brings the box up, or resumes it, and leaves it running until it is interrupted. Returns the exit code. */
export async function runBox(options: Options, terminal: Terminal, signal: AbortSignal): Promise<number> {
  if (options.fresh) rmSync(options.directory, { recursive: true, force: true });
  const line = terminal.step("box");
  const box = await openBox({
    directory: options.directory,
    machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    prepareDisk: (plan) => prepareLedgerDisks(plan.sourceVm, options.seed),
    pointSchedule: BRISK_SCHEDULE,
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
  const source = await sourceLedger(box);
  const connection = await writeConnection(box, source);
  const renewal = setInterval(() => {
    writeConnection(box, source).catch((error: unknown) => terminal.say(`connection.json: ${String(error)}`));
  }, RENEW_MILLIS);
  terminal.say(guide(box, await runningLedgers(box)));
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (command) => obey(command.trim(), box, terminal));
  await keepShopping(box, options, terminal, signal);
  commands.close();
  clearInterval(renewal);
  connection.remove();
}

const COMMANDS: Readonly<
  Record<string, { readonly act: (box: Box) => Promise<void>; readonly done: string }>
> = {
  lose: {
    act: (box) => box.loseSource(),
    done: "the source region is lost: its storage, machine and agent were killed",
  },
  return: {
    act: (box) => box.restoreSource(),
    done: "the source region is back: its storage, and what ran there; after a failover the ledger of what was lost closes within a minute",
  },
};

function obey(word: string, box: Box, terminal: Terminal): void {
  const command = COMMANDS[word];
  if (!command)
    return terminal.say('type "lose" to lose the source region, "return" to have it back, Ctrl-C to stop');
  command.act(box).then(
    () => terminal.say(command.done),
    (error: unknown) => terminal.say(String(error)),
  );
}

/** Where one ledger dies and another comes up, the customers go there. */
async function keepShopping(
  box: Box,
  { directory, seed }: Options,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  let url: string | undefined;
  let customers: Customers | undefined;
  while (!signal.aborted) {
    const running = await runningLedgers(box);
    if (url === undefined || !running.includes(url)) {
      await customers?.stop();
      const found = running.at(-1);
      customers = found === undefined ? undefined : customersAt(found, directory, seed);
      if (found && url) terminal.say(`the ledger is up again: customers order at ${found}/orders`);
      url = found ?? url;
    }
    await sleep(WATCH_MILLIS, undefined, { signal }).catch(() => undefined);
  }
  await customers?.stop();
}

const guide = (box: Box, ledgers: readonly string[]) => `
  portal         ${box.portal}
  control plane  ${box.endpoint}   (what a client needs is in ${box.plan.directory}/connection.json)
  the shop       ${ledgers.map((url) => `${url}/orders`).join(" and ") || "no machine runs"}   (customers order all the time)

  1. Open the portal and press Enable beside the machine "ledger".
  2. Watch its initial copy, both losses and the recovery points.
  3. Type "lose" and Enter here: the source region is gone, without a warning.
  4. Press Fail over in the portal, and see the ledger come up again here.
  5. Type "return": the region is back, and the portal says what was really lost, write by write.

  What is in the target region is enough, without the control plane: docs/box.md, "Restore from the box".

  Ctrl-C stops everything. The next npm start resumes; npm start -- --fresh begins anew.
`;
