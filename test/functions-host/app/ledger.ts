import { appendFileSync, existsSync, readFileSync } from "node:fs";

const file = process.env["LEDGER_FILE"];

/** What activities did, in memory, and in a file where LEDGER_FILE names one: that outlives a killed host. */
export const ledger: string[] =
  file !== undefined && existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];

export function note(line: string): void {
  ledger.push(line);
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

/** How many times a line was noted. */
export const times = (line: string): number => ledger.filter((other) => other === line).length;
