import type { BlockDevice } from "./block-device.ts";
import { archivedDocument } from "./archive.ts";
import { Sqlite } from "./sqlite.ts";
import { DiskVfs } from "./sqlite-vfs.ts";
import { emptySuperblock, writeSuperblock } from "./superblock.ts";

interface FormatOptions {
  /** Decides the documents. */
  readonly seed: number;
  readonly archiveBytes: number;
}

/**
 * Lays an empty ledger on the disk, or with its log on a second one, and fills its archive with about so many bytes of
 * documents; whatever was on the disks is gone. Not crash-safe: the disk is no ledger before it returns.
 */
export async function formatLedger(
  device: BlockDevice,
  options: FormatOptions,
  second?: BlockDevice,
): Promise<{ documents: number; bytes: number }> {
  const empty = emptySuperblock(device.size, second?.size);
  await (second ?? device).write(empty.log.offset, Buffer.alloc(4096));
  await writeSuperblock(device, empty);
  const vfs = await DiskVfs.mount("disk", device, second);
  const sqlite = await Sqlite.open(vfs);
  for (const pragma of ["locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF"])
    await sqlite.run(`PRAGMA ${pragma}`);
  await sqlite.run(
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, " +
      "amount INTEGER NOT NULL, placed_at INTEGER NOT NULL, body TEXT NOT NULL)",
  );
  await sqlite.run("CREATE TABLE archive(id INTEGER PRIMARY KEY, document BLOB NOT NULL)");
  const filled = await fillArchive(sqlite, options.seed, options.archiveBytes);
  await sqlite.run("PRAGMA journal_mode=WAL");
  await sqlite.close();
  await vfs.sync();
  return filled;
}

async function fillArchive(sqlite: Sqlite, seed: number, wanted: number) {
  let filled = 0;
  let documents = 0;
  await sqlite.transaction(async (run) => {
    while (filled < wanted) {
      const document = archivedDocument(seed, documents);
      await run("INSERT INTO archive(document) VALUES (?)", [document]);
      filled += document.length;
      documents += 1;
    }
  });
  return { documents, bytes: filled };
}
