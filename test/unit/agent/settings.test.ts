import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lockSpool } from "../../../agent/lock.ts";
import { readSettings } from "../../../agent/settings.ts";
import { MIB } from "../../../engine/core/units.ts";
import { scratch } from "./machine.ts";

const GOOD = ["--disk", "a.img", "--disk", "b.img", "--listen", "unix:/run/a.sock", "--spool", "spool"];

test("reads what is needed and fills in the rest", () => {
  expect(readSettings(GOOD)).toEqual({
    diskPaths: ["a.img", "b.img"],
    listen: { kind: "unix", path: "/run/a.sock" },
    spoolDirectory: "spool",
    spoolLimit: 1024 * MIB,
    configFile: undefined,
  });
  expect(readSettings([...GOOD, "--help"])).toBeUndefined();
});

test.for([
  ["--disk", ["--listen", "tcp:1", "--spool", "s"]],
  ["--disk", ["--disk", "a", "--disk", "a", "--listen", "tcp:1", "--spool", "s"]],
  ["--listen", ["--disk", "a", "--spool", "s"]],
  ["--listen", ["--disk", "a", "--spool", "s", "--listen", "tcp:70000"]],
  ["--listen", ["--disk", "a", "--spool", "s", "--listen", "0.0.0.0:10809"]],
  ["--listen", ["--disk", "a", "--spool", "s", "--listen", `unix:/${"x".repeat(120)}`]],
  ["--spool", ["--disk", "a", "--listen", "tcp:1"]],
  ["--spool-limit", [...GOOD, "--spool-limit", "63"]],
  ["--spool-limit", [...GOOD, "--spool-limit", "lots"]],
  ["--colour", [...GOOD, "--colour", "red"]],
] as const)("names %s when it is wrong", ([argument, args]) => {
  expect(() => readSettings([...args])).toThrow(argument);
});

test("one agent has a spool; a dead one's lock is taken over", () => {
  const directory = scratch();
  const lock = lockSpool(directory);
  expect(() => lockSpool(directory)).toThrow(`process ${process.pid}`);
  lock.release();
  // No process has an id as large; and this process's id with another start time is another process.
  for (const dead of ["99999999 1\n", `${process.pid} 1\n`, "rubbish"]) {
    writeFileSync(join(directory, "lock"), dead);
    lockSpool(directory).release();
  }
});
