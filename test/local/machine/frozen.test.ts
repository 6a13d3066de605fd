import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { whileStopped } from "../../../local/machine/frozen.ts";

const WRITER =
  "const f=require('fs').openSync(process.argv[1],'a');for(;;)require('fs').writeSync(f,'x'.repeat(512))";

test("a process that writes all the time writes nothing while it is stopped, and goes on afterwards", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-frozen-"));
  const file = path.join(directory, "log");
  const writer = spawn(process.execPath, ["-e", WRITER, file], { stdio: "ignore" });
  const size = () => (existsSync(file) ? statSync(file).size : 0);
  try {
    await expect.poll(size, { interval: 5 }).toBeGreaterThan(0);
    const seen: number[] = [];
    await whileStopped([writer.pid ?? 0], async () => {
      seen.push(size());
      await sleep(50);
      seen.push(size());
    });
    expect(seen[1]).toBe(seen[0]);
    await expect.poll(size, { interval: 5 }).toBeGreaterThan(seen[1] ?? 0);
  } finally {
    writer.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
});

test("processes go on when the work fails, and one that is gone holds nobody up", async () => {
  const writer = spawn(process.execPath, ["-e", "setInterval(()=>{},1000)"], { stdio: "ignore" });
  const gone = spawn(process.execPath, ["-e", "0"], { stdio: "ignore" });
  await new Promise((resolve) => void gone.once("exit", resolve));
  try {
    const failing = whileStopped([gone.pid ?? 0, writer.pid ?? 0], () =>
      Promise.reject(new Error("no room")),
    );
    await expect(failing).rejects.toThrow("no room");
    const ended = new Promise((resolve) => void writer.once("exit", (_, signal) => resolve(signal)));
    writer.kill("SIGTERM"); // a stopped process would not take it
    expect(await ended).toBe("SIGTERM");
  } finally {
    writer.kill("SIGKILL");
  }
});
