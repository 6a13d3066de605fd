import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DirectoryObjectStore } from "../../engine/storage/directory.ts";
import { collect } from "../fixtures/collect.ts";
import { objectStorePromises } from "./object-store.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "leeward-directory-"));
});
afterAll(() => rm(root, { recursive: true }));

const open = async () => {
  const store = new DirectoryObjectStore(path.join(root, String(count++)));
  await store.ensureContainer();
  return store;
};

objectStorePromises(open, 50);

test("a directory that is not there is not an empty one", async () => {
  const store = new DirectoryObjectStore(path.join(root, "nowhere"));
  await expect(store.get("x")).rejects.toMatchObject({ code: "NotFound" });
  await expect(collect(store.list(""))).rejects.toMatchObject({ code: "NotFound" });
  await expect(store.put("x", Buffer.from("x"), "any")).rejects.toMatchObject({ code: "NotFound" });
});

test("a link that leads out of the directory is never followed", async () => {
  const place = path.join(root, String(count));
  const store = await open();
  await writeFile(path.join(root, "secret"), "secret");
  await symlink(path.join(root, "secret"), path.join(place, "file"));
  await symlink(root, path.join(place, "up"));
  const refused = { code: "StorageRefused" };
  await expect(store.get("file")).rejects.toMatchObject(refused);
  await expect(store.get("up/secret")).rejects.toMatchObject(refused);
  await expect(store.put("up/new", Buffer.from("x"), "any")).rejects.toMatchObject(refused);
  await expect(store.delete(["up/secret"])).rejects.toMatchObject(refused);
  expect(await collect(store.list(""))).toEqual([]);
});

test("what a crash leaves of a put is no object", async () => {
  const place = path.join(root, String(count));
  const store = await open();
  await writeFile(path.join(place, "x~half"), "half");
  expect(await collect(store.list(""))).toEqual([]);
});

test("an object has no other below it, as a file has no files", async () => {
  const store = await open();
  await store.put("a/b", Buffer.from("x"), "absent");
  const refused = { code: "StorageRefused" };
  await expect(store.put("a/b/c", Buffer.from("x"), "absent")).rejects.toMatchObject(refused);
  await expect(store.put("a", Buffer.from("x"), "any")).rejects.toMatchObject(refused);
  expect((await collect(store.list(""))).map(({ name }) => name)).toEqual(["a/b"]);
});
