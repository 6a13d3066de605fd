import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { messageOf } from "../../engine/core/errors.ts";
import { KIB, MIB, type Sequence, sequence } from "../../engine/core/units.ts";
import { CUTS, type Promised, SEED, type Subject, wrongCut } from "./cuts.ts";
import { lacking, run } from "./programs.ts";
import { ProtectedMachine } from "./protected-machine.ts";
import { scratchSpace } from "./scratch-space.ts";
import { droppedFlush, reordered, stale, torn, unnoticed } from "./spoiled.ts";

const REGIONS = 8;
const REGION = 256 * KIB;
const PHASES = 40;
const lack = lacking("fio");

describe.skipIf(lack)(`fio, at depth 16 over NBD, behind the agent (SEED=${SEED}) ${lack}`, () => {
  const space = scratchSpace();
  let subject: Subject;
  beforeAll(async () => {
    subject = await history(space);
  });

  test(`verifies all that it flushed after each of ${CUTS} cuts`, async () => {
    expect(await wrongCut(subject, CUTS)).toEqual([]);
  });
  test.each([
    ["an older image", stale],
    ["a flush without effect", droppedFlush],
    ["two writes that change places over a flush", reordered],
    ["a torn write", torn],
  ] as const)("would show %s", async (name, spoil) => {
    expect(await unnoticed(subject, name, spoil)).toEqual([]);
  });
});

/** One region after the other is written over and flushed, each time with other content. */
async function history(space: string): Promise<Subject> {
  const disk = path.join(space, "disk.img");
  writeFileSync(disk, "");
  truncateSync(disk, 4 * MIB);
  const machine = await ProtectedMachine.start(space, [disk]);
  const from = await machine.newest();
  const phases = Array.from({ length: PHASES }, (_, phase) => phase);
  const uri = `--uri=nbd+unix:///disk0?socket=${machine.socket}`;
  const load = [
    "--ioengine=nbd",
    uri,
    "--iodepth=16",
    "--do_verify=0",
    "--end_fsync=1",
    `--randseed=${SEED}`,
  ];
  await run("fio", ...COMMON, ...load, ...phases.flatMap((phase) => [...jobOf(phase), "--stonewall"]));
  const journal = await machine.end();
  const promised = journal.flushes.map((kept, phase) => ({
    begun: journal.flushes[phase - 1] ?? from,
    kept,
  }));
  expect(promised.length).toBe(PHASES);
  const image = path.join(space, "restored.img");
  return { journal, promised, images: [image], wrongs: (cut) => wrongs(image, promised, cut) };
}

const COMMON = [
  "--verify=pattern",
  "--verify_fatal=1",
  "--verify_state_save=0",
  "--eta=never",
  "--disk_util=0",
  "--output-format=terse",
  "--clocksource=clock_gettime",
];

/** Each 11 bytes say where they are and from which phase. */
const jobOf = (phase: number): string[] => [
  `--name=phase${phase}`,
  `--rw=${phase % 3 === 0 ? "write" : "randwrite"}`,
  `--bs=${phase % 5 === 0 ? 32 : 4}k`,
  `--offset=${(phase % REGIONS) * REGION}`,
  `--size=${REGION}`,
  `--verify_pattern=%o"${String(phase).padStart(3, "0")}"`,
];

/** Of each region the newest phase that was flushed, unless the next one was on its way. */
async function wrongs(image: string, promised: readonly Promised[], cut: Sequence): Promise<string[]> {
  const jobs = promised.flatMap(({ kept }, phase) => {
    const next = promised[phase + REGIONS]?.begun ?? sequence(Number.MAX_SAFE_INTEGER);
    return kept <= cut && cut <= next ? jobOf(phase) : [];
  });
  if (jobs.length === 0) return [];
  const read = ["--verify_only=1", `--filename=${image}`, "--ioengine=psync", "--thread"];
  return await run("fio", ...COMMON, ...read, ...jobs).then(
    () => [],
    (error: unknown) => [messageOf(error)],
  );
}
