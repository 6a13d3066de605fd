import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import "../functions/main.ts";
import { OPERATIONS, type Operation, placeOf } from "../engine/contract/site-recovery.ts";
import { NOTES } from "../engine/contract/site-recovery-notes.ts";
import { claimOf } from "../functions/auth.ts";
import { ROUTES } from "../functions/http.ts";
import { openApi } from "../functions/openapi.ts";

/**
 * `npm run api-description`: writes the table of docs/asr-compatibility.md from the app's own routes, and dist/openapi.json. A test
 * says when it was forgotten.
 */
const PAGE = "docs/asr-compatibility.md";
const [BEGIN, END] = ["<!-- table: npm run api-description -->", "<!-- end of the table -->"];

/** Whether the page says what the routes say. */
export const isOutdated = (root: string): boolean => {
  const text = readFileSync(path.join(root, PAGE), "utf8");
  return text !== withTable(text);
};

function withTable(text: string): string {
  const [before = "", rest = ""] = text.split(BEGIN);
  const [, after = ""] = rest.split(END);
  return `${before}${BEGIN}\n\n${table()}\n\n${END}${after}`;
}

const table = (): string =>
  [
    "| tier | operation | call | role | answer |",
    "|---|---|---|---|---|",
    ...OPERATIONS.map((one) => {
      const role = roleOf(one);
      return `| ${one.tier} | ${one.name} | \`${one.method} ${one.short}\` | ${role ? claimOf(role).replace("Leeward.", "") : "Reader"} | ${answerOf(one)} |`;
    }),
  ].join("\n");

function answerOf(operation: Operation): string {
  if (!roleOf(operation)) return operation.isList ? "an empty list" : "404";
  const found = NOTES[operation.name];
  return found ? `${found.kind}: ${found.note}` : "same";
}

const roleOf = (operation: Operation) =>
  [...ROUTES.values()].find((route) => placeOf(route) === placeOf(operation))?.role;

if (process.argv[1] === import.meta.filename) {
  const root = path.join(import.meta.dirname, "..");
  const page = path.join(root, PAGE);
  writeFileSync(page, withTable(readFileSync(page, "utf8")));
  mkdirSync(path.join(root, "dist"), { recursive: true });
  writeFileSync(path.join(root, "dist/openapi.json"), `${JSON.stringify(openApi(), undefined, 2)}\n`);
}
