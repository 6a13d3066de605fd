import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { messageOf } from "../../engine/core/errors.ts";
import { MIB, type Sequence } from "../../engine/core/units.ts";
import type { BlockDevice } from "../../local/machine/block-device.ts";
import { openFileDevice } from "../../local/machine/file-device.ts";
import { formatLedger } from "../../local/machine/format-ledger.ts";
import { openNbdDevice } from "../../local/machine/nbd-device.ts";
import { Sqlite } from "../../local/machine/sqlite.ts";
import { DiskVfs } from "../../local/machine/sqlite-vfs.ts";
import { type Promised, SEED, type Subject, below, wrongNumbers } from "./cuts.ts";
import { ProtectedMachine } from "./protected-machine.ts";

/** The log is carried over every 60 pages, so that cuts fall into checkpoints, too. */
const PRAGMAS = ["locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=60"];

/** What else happens to the machine while it works. @param count of the commits that were acknowledged */
export type Disturb = (machine: ProtectedMachine, count: () => number) => Promise<void>;

/**
 * Commits of one to three parts, so many and until the disturbance has ended. Each says how many parts it has, and keeps a
 * sum over all rows up to date, so that half a commit shows.
 */
export async function sqliteWork(space: string, commits: number, disturb?: Disturb): Promise<Subject> {
  const disk = path.join(space, "disk.img");
  writeFileSync(disk, "");
  truncateSync(disk, 24 * MIB);
  const blank = await openFileDevice(disk);
  await formatLedger(blank, { seed: SEED, archiveBytes: 1 });
  await blank.close();

  const machine = await ProtectedMachine.start(space, [disk]);
  const device = await openNbdDevice({ socket: machine.socket, export: "disk0" });
  const sqlite = await open(device);
  await sqlite.run(
    "CREATE TABLE parts(number INTEGER, part INTEGER, parts INTEGER, body BLOB, PRIMARY KEY(number, part))",
  );
  await sqlite.run("CREATE TABLE total(rows INTEGER)");
  await sqlite.run("INSERT INTO total VALUES (0)");
  const promised: Promised[] = [];
  let disturbed = disturb !== undefined;
  const disturbance = disturb?.(machine, () => promised.length).finally(() => (disturbed = false));
  for (let number = 1, begun = await machine.newest(); number <= commits || disturbed; number++) {
    await commit(sqlite, number);
    const kept = await machine.newest();
    promised.push({ begun, kept });
    begun = kept;
  }
  await disturbance;
  await sqlite.close();
  await device.close();
  const journal = await machine.end();
  const images = [path.join(space, "restored.img")];
  return { journal, promised, images, wrongs: (cut) => wrongs(images[0] ?? "", promised, cut) };
}

async function open(device: BlockDevice): Promise<Sqlite> {
  const sqlite = await Sqlite.open(await DiskVfs.mount("disk", device));
  for (const pragma of PRAGMAS) await sqlite.run(`PRAGMA ${pragma}`);
  return sqlite;
}

async function commit(sqlite: Sqlite, number: number): Promise<void> {
  const parts = 1 + below(3);
  await sqlite.transaction(async (run) => {
    for (let part = 0; part < parts; part++)
      await run("INSERT INTO parts VALUES (?, ?, ?, randomblob(?))", [number, part, parts, 1 + below(1500)]);
    await run("UPDATE total SET rows = rows + ?", [parts]);
    await run("UPDATE parts SET body = randomblob(length(body)) WHERE number = ?", [1 + below(number)]);
  });
}

async function wrongs(image: string, promised: readonly Promised[], cut: Sequence): Promise<string[]> {
  const device = await openFileDevice(image);
  try {
    const sqlite = await open(device);
    const report = (await sqlite.run("PRAGMA integrity_check")).map(([line]) => String(line));
    const halves = await sqlite.run("SELECT number FROM parts GROUP BY number HAVING count(*) <> max(parts)");
    const [sums] = await sqlite.run("SELECT (SELECT rows FROM total), count(*) FROM parts");
    const numbers = (await sqlite.run("SELECT DISTINCT number FROM parts ORDER BY number")).map(([n]) =>
      Number(n),
    );
    await sqlite.close();
    return [
      ...report.filter((line) => line !== "ok"),
      ...halves.map(([number]) => `commit ${number} is there by half`),
      ...(sums?.[0] === sums?.[1] ? [] : [`${sums?.[1]} parts, and the sum says ${sums?.[0]}`]),
      ...wrongNumbers(numbers, promised, cut),
    ];
  } catch (error) {
    return [messageOf(error)];
  } finally {
    await device.close();
  }
}
