import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Box, openBox } from "./box/box.ts";
import { writeConnection } from "./box/connection.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisk } from "./demo/ledger-disk.ts";
import { BRISK_SCHEDULE, customersAt, sourceLedger } from "./demo/scene.ts";
import type { Terminal } from "./demo/terminal.ts";
import type { Options } from "./options.ts";

/** Access tokens of the box live a day; a fresh one is written long before. */
const RENEW_MILLIS = 60 * 60 * 1000;

/** Brings the box up, or resumes it, and leaves it running until it is interrupted. Returns the exit code. */
export async function runBox(options: Options, terminal: Terminal, signal: AbortSignal): Promise<number> {
  if (options.fresh) rmSync(options.directory, { recursive: true, force: true });
  const line = terminal.step("box");
  const box = await openBox({
    directory: options.directory,
    diskBytes: LEDGER_DISK_BYTES,
    prepareDisk: (plan) => prepareLedgerDisk(plan.sourceVm.disk, options.seed),
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

/** Customers shop, and the connection file is there, until somebody has had enough. */
async function attend(box: Box, options: Options, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const ledger = await sourceLedger(box);
  const customers = customersAt(ledger, options.directory, options.seed);
  const connection = await writeConnection(box, ledger);
  const renewal = setInterval(() => {
    writeConnection(box, ledger).catch((error: unknown) => terminal.say(`connection.json: ${String(error)}`));
  }, RENEW_MILLIS);
  terminal.say(guide(box, ledger));
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (command) => {
    if (command.trim() !== "lose")
      return terminal.say('type "lose" to lose the source region, Ctrl-C to stop');
    box.loseSource().then(
      () => terminal.say("the source region is lost: its storage, machine and agent were killed"),
      (error: unknown) => terminal.say(String(error)),
    );
  });
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  commands.close();
  clearInterval(renewal);
  connection.remove();
  await customers.stop();
}

const guide = (box: Box, ledger: string) => `
  portal         ${box.portal}
  control plane  ${box.endpoint}   (what a client needs is in ${box.plan.directory}/connection.json)
  the shop       ${ledger}/orders   (customers order all the time)

  1. Open the portal and press Enable beside the machine "ledger".
  2. Watch its initial copy, both losses and the recovery points.
  3. Type "lose" and Enter here: the source region is gone, without a warning.
  4. Press Fail over in the portal, and open the ledger's new address.

  Ctrl-C stops everything. The next npm start resumes; npm start -- --fresh begins anew.
`;
