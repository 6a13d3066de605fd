import { beforeAll, describe, expect, test } from "vitest";
import { CUTS, SEED, type Subject, wrongCut } from "./cuts.ts";
import { postgresWork } from "./postgres-work.ts";
import { lackingMounts } from "./programs.ts";
import { scratchSpace } from "./scratch-space.ts";
import { type Spoil, droppedFlush, noticed, reordered, stale, torn, unnoticed } from "./spoiled.ts";

const lack = lackingMounts("postgres");

/** The log's disk is older than the data's. */
const logDiskBehind: Spoil = (journal, { begun, kept }) => ({
  writes: journal.writes.slice(0, kept).filter(({ disk, sequence }) => disk === 0 || sequence <= begun),
  cut: kept,
});

/** What must hold of PostgreSQL on so many disks. One file for each number, so that they run side by side. */
export function postgresSuite(where: string, disks: number): void {
  describe.skipIf(lack)(`PostgreSQL ${where}, behind the agent (SEED=${SEED}) ${lack}`, () => {
    const space = scratchSpace();
    let subject: Subject;
    beforeAll(async () => {
      subject = await postgresWork(space, disks);
    });

    test(`recovers with every acknowledged commit and no bad page after each of ${CUTS} cuts`, async () => {
      expect(await wrongCut(subject, CUTS)).toEqual([]);
    });
    test.each([
      ["an older image", stale],
      ...(disks === 2 ? [["disks cut at different writes", logDiskBehind] as const] : []),
    ] as const)("would show %s", async (name, spoil) => {
      expect(await unnoticed(subject, name, spoil)).toEqual([]);
    });
    test.each([
      ["a flush without effect", droppedFlush],
      ["two writes that change places over a flush", reordered],
      ["a torn write", torn],
    ] as const)("would show %s, sooner or later", async (name, spoil) => {
      expect(await noticed(subject, name, spoil)).toBeDefined();
    });
  });
}
