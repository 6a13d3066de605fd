import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";

const MAIN = path.resolve("local/main.ts");
const boxes = mkdtempSync(path.join(tmpdir(), "leeward-demo-"));
afterAll(() => rmSync(boxes, { recursive: true, force: true }));

const report = z.object({
  ok: z.boolean(),
  hostKills: z.number(),
  rpoSeconds: z.number(),
  rtoSeconds: z.number(),
  proofs: z.array(z.object({ claim: z.string(), holds: z.boolean(), evidence: z.string() })),
  losses: z.object({
    announced: z.object({ writes: z.number() }),
    real: z.object({ writes: z.number() }),
  }),
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function run(args: readonly string[], onOutput: (text: string, pid: number) => void = () => undefined) {
  return new Promise<Ended>((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += String(chunk);
      onOutput(output + errors, child.pid ?? 0);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += String(chunk);
      onOutput(output + errors, child.pid ?? 0);
    });
    child.once("close", (code) => resolve({ code, output, errors }));
  });
}

/** Command lines of living processes that name the directory. */
function processesOf(directory: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // gone meanwhile
      }
    })
    .filter((line) => line.includes(directory));
}

test.each([
  { name: "imported from the replica, while the host is killed twice", args: ["--kill-host", "2"] },
  { name: "built from the journal with no replica at all", args: ["--replica", "none"] },
])(
  "the story holds, its disk $name",
  async ({ args }) => {
    expect((await storyThatHolds(args)).ok).toBe(true);
  },
  900_000,
);

// It takes minutes, most of them the waits of the ladder: `test/box/pressure.test.ts` has its rungs without the story.
test.runIf(process.env["LEEWARD_DEMO_TROUBLE"] === "1")(
  "the story holds when the cache was full until the journal broke, and nobody waited for it",
  async () => expect((await storyThatHolds(["--trouble"])).ok).toBe(true),
  900_000,
);

async function storyThatHolds(args: readonly string[]): Promise<z.infer<typeof report>> {
  const box = path.join(boxes, args.join(""));
  const { code, output, errors } = await run(["--demo", "--json", "--seed", "2026", "--box", box, ...args]);
  expect({ code, errors: code === 0 ? "" : errors }).toEqual({ code: 0, errors: "" });
  const told = report.parse(JSON.parse(output));
  expect(told.proofs.filter(({ holds }) => !holds)).toEqual([]);
  expect(told.proofs.length).toBeGreaterThanOrEqual(9);
  expect(told.losses.real.writes).toBe(told.losses.announced.writes);
  expect(told.hostKills).toBe(args.includes("--kill-host") ? 2 : 0);
  expect(processesOf(box)).toEqual([]);
  return told;
}

test("a box that is interrupted leaves no process and no lock, and the next start resumes it", async () => {
  const box = path.join(boxes, "resumed");
  for (const start of ["first", "second"]) {
    let interrupted = false;
    const { code, output, errors } = await run(["--box", box], (text, pid) => {
      if (interrupted || !text.includes("Ctrl-C stops everything")) return;
      interrupted = true;
      process.kill(pid, "SIGINT");
    });
    expect({ start, code, said: code === 0 ? "" : output + errors }).toEqual({ start, code: 0, said: "" });
    expect(processesOf(box)).toEqual([]);
    const left = readdirSync(box);
    expect(left).not.toContain("lock");
    expect(left).not.toContain("connection.json");
    expect(left).toContain("disks");
  }
});

test("wrong arguments are named, and nothing is started", async () => {
  const { code, errors } = await run(["--demo", "--replica", "hot", "--box", path.join(boxes, "never")]);
  expect(code).toBe(2);
  expect(errors).toContain("--replica");
  expect(readdirSync(boxes)).not.toContain("never");
});
