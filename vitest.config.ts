import { defineConfig } from "vitest/config";
import { Overlapping } from "./test/sequencer.ts";

/** Where nothing else is at work, more files at once than processors: most wait for processes of their own, most of the time. */
const WORKERS = process.env["CI"] ? { maxWorkers: 5 } : {};

/** One project per kind of test: `vitest run --project unit` is the fast loop. */
const project = (name: string, timeout: number, more: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    pool: "forks" as const,
    ...WORKERS,
    ...more,
  },
});

const YIELDING = { setupFiles: ["test/yielding.ts"] };

/** Where `.ci/run` wants the counts. */
const report = process.env["LEEWARD_TEST_REPORT"];

export default defineConfig({
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    sequence: { sequencer: Overlapping },
    projects: [
      project("arch", 30_000),
      project("unit", 60_000),
      project("contract", 240_000),
      project("simulation", 300_000, YIELDING),
      project("local", 240_000),
      project("functions-host", 240_000),
      project("faults", 600_000, YIELDING),
      project("software", 1_200_000, YIELDING),
      project("box", 600_000),
    ],
  },
});
