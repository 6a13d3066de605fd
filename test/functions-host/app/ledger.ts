import { appendFileSync } from "node:fs";

/** What activities did, in memory, and in a file where LEDGER_FILE names one: that outlives a killed host. */
export const ledger: string[] = [];

export function note(line: string): void {
  ledger.push(line);
  const file = process.env["LEDGER_FILE"];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

/** How many times a line was noted. */
export const times = (line: string): number => ledger.filter((other) => other === line).length;
