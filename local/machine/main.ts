import { rename, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { openDisk } from "./disk-url.ts";
import { Ledger } from "./ledger.ts";
import { serveLedger } from "./ledger-server.ts";

const USAGE =
  "usage: node local/machine/main.ts --disk URL [--disk URL ...] --port N [--name NAME] [--info FILE]";

const settings = z.object({
  disk: z.array(z.string()).min(1),
  port: z.coerce.number().int().min(0).max(65_535),
  name: z.string().default("machine"),
  info: z.string().optional(),
});

/**
 * A machine: opens its disks and nothing else, and serves the ledger on them: the database is on the first, its log on the
 * second where there is one, and a tape on the third; others are left alone. Says `{"ready":true,"url":…}` on standard
 * output, and leaves `{ pid, url }` in the info file. SIGTERM shuts it down in order; pulling the plug is SIGKILL.
 */
async function main(): Promise<void> {
  const { disk, port, name, info } = readSettings();
  const devices = await Promise.all(disk.map((url) => openDisk(url)));
  const [database, log, tape] = devices;
  if (!database) throw new LeewardError("InvalidRequest", USAGE);
  const ledger = await Ledger.open({ database, log, tape });
  const diskBytes = devices.reduce((sum, { size }) => sum + size, 0);
  const server = await serveLedger(ledger, { name, pid: process.pid, diskBytes }, port);
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : port}`;
  if (info) await replaceFile(info, `${JSON.stringify({ pid: process.pid, url })}\n`);
  console.log(JSON.stringify({ ready: true, url }));

  process.once("SIGTERM", () => {
    server.close();
    server.closeAllConnections();
    ledger
      .close()
      .then(() => Promise.all(devices.map((device) => device.close())))
      .then(() => process.exit(0), stop);
  });
}

function readSettings() {
  try {
    const text = { type: "string" } as const;
    const { values } = parseArgs({
      options: { disk: { ...text, multiple: true }, port: text, name: text, info: text },
    });
    return settings.parse(values);
  } catch (cause) {
    throw new LeewardError("InvalidRequest", `${messageOf(cause)}\n${USAGE}`, cause);
  }
}

/** A reader sees the old file or the new one, never half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  await writeFile(draft, text);
  await rename(draft, path);
}

function stop(error: unknown): never {
  const remedy = error instanceof LeewardError ? ` ${error.remedy}` : "";
  console.error(`${messageOf(error)}.${remedy}`);
  process.exit(1);
}

main().catch(stop);
