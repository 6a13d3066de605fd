import { defineConfig } from "vitest/config";

/** One project per kind of test: `vitest run --project unit` is the fast loop. */
const project = (name: string, timeout: number, parallel = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    fileParallelism: parallel,
    pool: "forks" as const,
  },
});

/** Where `.ci/run` wants the counts. */
const report = process.env["LEEWARD_TEST_REPORT"];

export default defineConfig({
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    projects: [
      project("arch", 30_000),
      project("unit", 30_000),
      project("contract", 120_000),
      project("simulation", 300_000),
      project("local", 120_000),
      project("software", 1_200_000),
      project("box", 600_000, false),
    ],
  },
});
