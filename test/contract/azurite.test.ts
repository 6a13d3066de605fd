import { afterAll, beforeAll } from "vitest";
import { type Region, startRegion } from "../fixtures/region.ts";
import { objectStorePromises } from "./object-store.ts";
import { pageStorePromises } from "./page-store.ts";
import { recordStorePromises } from "./record-store.ts";

const RUNS = 15;
let region: Region;
let count = 0;
beforeAll(async () => {
  region = await startRegion();
});
afterAll(() => region.stop());

objectStorePromises(async () => {
  const store = region.objects(`objects-${count++}`);
  await store.ensureContainer();
  return store;
}, RUNS);

pageStorePromises(async () => {
  const store = region.pages(`pages-${count++}`);
  await store.ensureContainer();
  return store;
}, RUNS);

recordStorePromises(async () => {
  const store = region.records(`records${count++}`);
  await store.ensureTable();
  return store;
}, RUNS);
