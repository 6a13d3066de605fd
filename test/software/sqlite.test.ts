import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { messageOf } from "../../engine/core/errors.ts";
import { MIB, type Sequence } from "../../engine/core/units.ts";
import type { BlockDevice } from "../../local/machine/block-device.ts";
import { openFileDevice } from "../../local/machine/file-device.ts";
import { formatLedger } from "../../local/machine/format-ledger.ts";
import { openNbdDevice } from "../../local/machine/nbd-device.ts";
import { Sqlite } from "../../local/machine/sqlite.ts";
import { DiskVfs } from "../../local/machine/sqlite-vfs.ts";
import { CUTS, type Promised, SEED, type Subject, below, wrongCut, wrongNumbers } from "./cuts.ts";
import { ProtectedMachine } from "./protected-machine.ts";
import { scratchSpace } from "./scratch-space.ts";
import { droppedFlush, noticed, reordered, stale, torn, unnoticed } from "./spoiled.ts";

const COMMITS = 300;
/** The log is carried over every 60 pages, so that cuts fall into checkpoints, too. */
const PRAGMAS = ["locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=60"];

describe(`SQLite, WAL and synchronous=FULL, on a disk behind the agent (SEED=${SEED})`, () => {
  const space = scratchSpace();
  let subject: Subject;
  beforeAll(async () => {
    subject = await history(space);
  });

  test(`is whole and has every acknowledged commit after each of ${CUTS} cuts`, async () => {
    expect(await wrongCut(subject, CUTS)).toEqual([]);
  });
  test.each([
    ["an older image", stale],
    ["a flush without effect", droppedFlush],
  ] as const)("would show %s", async (name, spoil) => {
    expect(await unnoticed(subject, name, spoil)).toEqual([]);
  });
  test.each([
    ["two writes that change places over a flush", reordered],
    ["a torn write", torn],
  ] as const)("would show %s, sooner or later", async (name, spoil) => {
    expect(await noticed(subject, name, spoil)).toBeDefined();
  });
});

/**
 * Commits of one to three parts. Each says how many parts it has, and keeps a sum over all rows up to date, so that half a
 * commit shows.
 */
async function history(space: string): Promise<Subject> {
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
  for (let number = 1, begun = await machine.newest(); number <= COMMITS; number++) {
    await commit(sqlite, number);
    const kept = await machine.newest();
    promised.push({ begun, kept });
    begun = kept;
  }
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
