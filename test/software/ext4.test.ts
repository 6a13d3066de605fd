import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { messageOf } from "../../engine/core/errors.ts";
import type { Sequence } from "../../engine/core/units.ts";
import { CUTS, SEED, type Subject, wrongCut } from "./cuts.ts";
import { DurableFiles } from "./durable-files.ts";
import { FileExerciser } from "./file-exerciser.ts";
import { fsckWrongs, makeExt4, mountLive, withMounted } from "./mounts.ts";
import { ProtectedMachine } from "./protected-machine.ts";
import { lackingMounts } from "./programs.ts";
import { scratchSpace } from "./scratch-space.ts";
import { droppedFlush, noticed, reordered, stale, torn, unnoticed } from "./spoiled.ts";

const MEBIBYTES = 48;
const CHANGES = 100;
const STEPS = 250;
const lack = lackingMounts();

describe.skipIf(lack)(`ext4 with files and an exerciser, behind the agent (SEED=${SEED}) ${lack}`, () => {
  const space = scratchSpace();
  let subject: Subject;
  beforeAll(async () => {
    subject = await history(space);
  });

  test(`is clean and has all that was synced after each of ${CUTS} cuts`, async () => {
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

async function history(space: string): Promise<Subject> {
  const disk = path.join(space, "disk.img");
  await makeExt4(disk, MEBIBYTES);
  const machine = await ProtectedMachine.start(space, [disk]);
  const live = await mountLive(space, machine.socket, "disk0");
  const newest = () => machine.newest();
  const files = new DurableFiles();
  const exerciser = new FileExerciser();
  await Promise.all([
    files.change(live.directory, "a", CHANGES, newest),
    files.change(live.directory, "b", CHANGES, newest),
    exerciser.exercise(live.directory, STEPS, newest),
  ]);
  await live.unmount();
  const journal = await machine.end();
  const image = path.join(space, "restored.img");
  const directory = path.join(space, "restored");
  const look = async (cut: Sequence) => [
    ...(await files.wrongs(directory, cut)),
    ...(await exerciser.wrongs(directory, cut)),
  ];
  const wrongs = async (cut: Sequence) => {
    const found = await withMounted([image], [directory], () => look(cut)).catch((error: unknown) => [
      messageOf(error),
    ]);
    return [...found, ...(await fsckWrongs(image))];
  };
  return { journal, promised: files.promised, images: [image], wrongs };
}
