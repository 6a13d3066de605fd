import { beforeAll, describe, expect, test } from "vitest";
import { CUTS, SEED, type Subject, wrongCut } from "./cuts.ts";
import { scratchSpace } from "./scratch-space.ts";
import { sqliteWork } from "./sqlite-work.ts";
import { droppedFlush, noticed, reordered, stale, torn, unnoticed } from "./spoiled.ts";

const COMMITS = 300;

describe(`SQLite, WAL and synchronous=FULL, on a disk behind the agent (SEED=${SEED})`, () => {
  const space = scratchSpace();
  let subject: Subject;
  beforeAll(async () => {
    subject = await sqliteWork(space, COMMITS);
  });

  test(`is whole and has every acknowledged commit after each of ${CUTS} cuts`, async () => {
    expect(await wrongCut(subject, CUTS)).toEqual([]);
  });
  test("would show an older image", async () => {
    expect(await unnoticed(subject, "an older image", stale)).toEqual([]);
  });
  test.each([
    ["a flush without effect", droppedFlush],
    ["two writes that change places over a flush", reordered],
    ["a torn write", torn],
  ] as const)("would show %s, sooner or later", async (name, spoil) => {
    expect(await noticed(subject, name, spoil)).toBeDefined();
  });
});
