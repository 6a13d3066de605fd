import { DatabaseSync } from "node:sqlite";

/**
 * Makes the host one that commits after it answers: what it takes for a commit is done at most each 100 ms, together with all
 * that came meanwhile. Loaded before the host.
 */
const EVERY = 100;

// oxlint-disable-next-line typescript/unbound-method -- it is called with its database below
const original = DatabaseSync.prototype.exec;
let committed = performance.now();
let open = false;

DatabaseSync.prototype.exec = function exec(this: DatabaseSync, sql: string): void {
  if (sql === "COMMIT" && performance.now() - committed < EVERY) {
    open = true;
    return;
  }
  if (sql === "BEGIN IMMEDIATE" && open) {
    open = false;
    return;
  }
  if (sql === "COMMIT") committed = performance.now();
  original.call(this, sql);
};
