/** `npm run bench -- <name>`: each benchmark is a file here that exports `run`. */
const BENCHMARKS: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  "agent-memory": () => import("./agent-memory.ts"),
  api: () => import("./api.ts"),
  capture: () => import("./capture.ts"),
  checkpoint: () => import("./checkpoint.ts"),
  delta: () => import("./delta.ts"),
  host: () => import("./host.ts"),
  journal: () => import("./journal.ts"),
  rebuild: () => import("./rebuild.ts"),
  merge: () => import("./merge.ts"),
  "region-loss": () => import("./region-loss.ts"),
  resync: () => import("./resync.ts"),
  ship: () => import("./ship.ts"),
  slices: () => import("./slices.ts"),
};

const name = process.argv[2] ?? "";
const load = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (load) await (await load()).run();
else {
  console.error(`npm run bench -- <name>, where the name is one of: ${Object.keys(BENCHMARKS).join(", ")}`);
  process.exitCode = 2;
}
