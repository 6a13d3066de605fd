import { MemoryObjectStore, MemoryPageStore, MemoryRecordStore } from "../../engine/storage/memory.ts";
import { objectStorePromises } from "./object-store.ts";
import { pageStorePromises } from "./page-store.ts";
import { recordStorePromises } from "./record-store.ts";

const RUNS = 100;

objectStorePromises(async () => new MemoryObjectStore(), RUNS);
pageStorePromises(async () => new MemoryPageStore(), RUNS);
recordStorePromises(async () => new MemoryRecordStore(), RUNS);
