import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Files, isMissing } from "../../../agent/files.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { SECTOR } from "../../../engine/core/units.ts";
import { MemoryFileSystem, memoryFiles } from "../../fixtures/memory-files.ts";
import { Dice } from "../../simulation/dice.ts";
import { scratch } from "./machine.ts";

const inMemory = (): { files: Files; directory: string } => {
  const files = memoryFiles(new MemoryFileSystem());
  files.makeDirectory("/spool");
  return { files, directory: "/spool" };
};
const onDisk = () => ({ files: nodeFiles, directory: scratch() });

const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
  return undefined;
};

/** What the agent relies on, of either. */
describe.each([
  ["of the system", onDisk],
  ["in memory", inMemory],
] as const)("files %s", (_name, place) => {
  test("what was appended is read back, whole or from any place", async () => {
    const { files, directory } = place();
    const path = join(directory, "log");
    const log = files.open(path, "append-new");
    expect(log.write([Buffer.from("one "), Buffer.from("two ")])).toBe(8);
    log.close();
    const more = files.open(path, "append");
    more.write([Buffer.from("three")]);
    more.close();
    expect(files.read(path).toString()).toBe("one two three");
    expect((await files.readAsync(path)).toString()).toBe("one two three");
    const reader = files.open(path, "read");
    const into = Buffer.alloc(8);
    expect(reader.read(into, 4)).toBe(8);
    expect(into.toString()).toBe("two thre");
    expect(await reader.readAsync(into, 8)).toBe(5);
    expect(reader.read(into, 100)).toBe(0);
    expect(reader.info()).toMatchObject({ kind: "file", size: 13 });
    reader.close();
  });

  test("a file open for update is written where it is said to be", () => {
    const { files, directory } = place();
    const path = join(directory, "disk");
    files.write(path, "0123456789");
    const disk = files.open(path, "update");
    const before = disk.info();
    expect(disk.write([Buffer.from("ab"), Buffer.from("c")], 3)).toBe(3);
    expect(files.read(path).toString()).toBe("012abc6789");
    expect(disk.info().identity).toBe(before.identity);
    disk.close();
  });

  test("says with the system's codes what cannot be", () => {
    const { files, directory } = place();
    const path = join(directory, "file");
    expect(codeOf(() => files.read(path))).toBe("ENOENT");
    expect(codeOf(() => files.open(path, "read"))).toBe("ENOENT");
    expect(codeOf(() => files.open(path, "update"))).toBe("ENOENT");
    expect(codeOf(() => files.open(join(directory, "no", "file"), "append"))).toBe("ENOENT");
    expect(codeOf(() => files.list(join(directory, "no")))).toBe("ENOENT");
    expect(codeOf(() => files.rename(path, `${path}.new`))).toBe("ENOENT");
    expect(codeOf(() => files.truncate(path, 0))).toBe("ENOENT");
    files.write(path, "here", "new");
    expect(codeOf(() => files.write(path, "here", "new"))).toBe("EEXIST");
    expect(codeOf(() => files.open(path, "append-new"))).toBe("EEXIST");
    const file = files.open(path, "read");
    file.close();
    expect(codeOf(() => file.info())).toBe("EBADF");
  });

  test("an error of a read that comes later says that nothing is there", async () => {
    const { files, directory } = place();
    await expect(files.readAsync(join(directory, "no"))).rejects.toSatisfy(isMissing);
  });

  test("a rename takes the place of what was there, and a removal may come twice", async () => {
    const { files, directory } = place();
    const [old, young] = [join(directory, "old"), join(directory, "young")];
    files.write(old, "old");
    await files.writeAsync(young, Buffer.from("young"));
    files.rename(young, old);
    expect(files.read(old).toString()).toBe("young");
    expect(files.exists(young)).toBe(false);
    files.remove(old);
    files.remove(old);
    await files.removeAsync(old);
    expect(files.exists(old)).toBe(false);
  });

  test("writing replaces what was there, and truncating cuts or fills with zeros", () => {
    const { files, directory } = place();
    const path = join(directory, "file");
    files.write(path, "a long content");
    files.write(path, "short");
    expect(files.read(path).toString()).toBe("short");
    files.truncate(path, 3);
    expect(files.read(path).toString()).toBe("sho");
    files.truncate(path, 5);
    expect(files.read(path)).toEqual(Buffer.from("sho\0\0"));
  });

  test("a removed file stays what it is to those who have it open", () => {
    const { files, directory } = place();
    const path = join(directory, "file");
    files.write(path, "first");
    const file = files.open(path, "read");
    files.remove(path);
    files.write(path, "other");
    const into = Buffer.alloc(5);
    file.read(into, 0);
    expect(into.toString()).toBe("first");
    const other = files.open(path, "read");
    expect(other.info().identity).not.toBe(file.info().identity);
    file.close();
    other.close();
  });

  test("lists what is in a directory, and takes it away with all in it", () => {
    const { files, directory } = place();
    const inner = join(directory, "a", "b");
    files.makeDirectory(inner);
    files.makeDirectory(inner);
    files.write(join(inner, "file"), "");
    expect(files.list(join(directory, "a"))).toEqual([{ name: "b", kind: "directory" }]);
    expect(files.list(inner)).toEqual([{ name: "file", kind: "file" }]);
    files.sync(join(inner, "file"));
    files.sync(inner);
    files.removeDirectory(join(directory, "a"));
    expect(files.list(directory)).toEqual([]);
  });
});

/** A crash of the machine, which only memory can have. */
describe("a crash", () => {
  const seeds = fc.integer({ min: 1, max: 2 ** 30 });

  test("keeps what was synced, byte for byte", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const system = new MemoryFileSystem();
        const files = memoryFiles(system);
        files.makeDirectory("/spool");
        files.write("/spool/file", "kept");
        files.sync("/spool/file");
        files.sync("/spool");
        system.crash(new Dice(seed));
        expect(files.read("/spool/file").toString()).toBe("kept");
      }),
    );
  });

  test("leaves of what was not synced whole sectors, old or new", async () => {
    const system = new MemoryFileSystem();
    const files = memoryFiles(system);
    const count = 8;
    let torn = 0;
    let reordered = 0;
    for (let seed = 1; seed < 100; seed++) {
      system.put("/disk", Buffer.alloc(count * SECTOR, 1));
      const disk = files.open("/disk", "update");
      disk.write([Buffer.alloc(count * SECTOR, 2)], 0);
      await disk.sync();
      disk.write([Buffer.alloc(count * SECTOR, 3)], 0);
      disk.write([Buffer.alloc(SECTOR, 4)], 0);
      system.crash(new Dice(seed));
      const left = Array.from({ length: count }, (_, n) => files.read("/disk")[n * SECTOR]);
      for (let n = 0; n < count; n++)
        expect(files.read("/disk").subarray(n * SECTOR, (n + 1) * SECTOR)).toEqual(
          Buffer.alloc(SECTOR, left[n]),
        );
      expect(left.every((byte, n) => byte === 2 || byte === 3 || (n === 0 && byte === 4))).toBe(true);
      if (left.includes(2) && left.includes(3)) torn++;
      if (left[0] === 4 && left.includes(2)) reordered++;
    }
    expect(torn).toBeGreaterThan(10);
    expect(reordered).toBeGreaterThan(10);
  });

  test("takes names back in the order in which they were made, and tells of itself by the boot's id", () => {
    const found = new Set<string>();
    for (let seed = 1; seed < 60; seed++) {
      const system = new MemoryFileSystem();
      const files = memoryFiles(system);
      files.makeDirectory("/spool");
      files.write("/spool/a", "");
      files.sync("/spool");
      const boot = files.read("/proc/sys/kernel/random/boot_id");
      files.rename("/spool/a", "/spool/b");
      files.write("/spool/c", "");
      system.crash(new Dice(seed));
      found.add(
        files
          .list("/spool")
          .map(({ name }) => name)
          .join(),
      );
      expect(files.read("/proc/sys/kernel/random/boot_id")).not.toEqual(boot);
    }
    expect([...found].toSorted()).toEqual(["a", "b", "b,c"]);
  });
});
