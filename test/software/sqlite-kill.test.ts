import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../unit/agent/machine.ts";
import { SEED, type Subject, below, wrongCut } from "./cuts.ts";
import type { ProtectedMachine } from "./protected-machine.ts";
import { scratchSpace } from "./scratch-space.ts";
import { sqliteWork } from "./sqlite-work.ts";

/** Each costs the start of a process. */
const KILLS = Number(process.env["KILLS"] ?? 15);
const CUTS = 60;

describe(`SQLite, while the agent's process is killed ${KILLS} times (SEED=${SEED})`, () => {
  const space = scratchSpace();
  let subject: Subject;
  beforeAll(async () => {
    subject = await sqliteWork(space, 200, killAgain);
  });

  test("loses nothing that was acknowledged, on the disk or in the journal", async () => {
    const { journal, promised } = subject;
    expect(promised.length).toBeGreaterThan(KILLS);
    expect(promised.at(-1)?.kept).toBeLessThanOrEqual(journal.end);
    expect(await wrongCut(subject, CUTS)).toEqual([]);
  });
});

/** At any time: after some commits or in the middle of the first, or while the one before is being resumed. */
async function killAgain(machine: ProtectedMachine, count: () => number): Promise<void> {
  for (let kills = 0; kills < KILLS; kills++) {
    const goal = count() + below(12);
    if (below(5) > 0) await until(() => count() >= goal);
    await sleep(below(60));
    await machine.kill();
  }
}
