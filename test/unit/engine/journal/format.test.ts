import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ENTRY, KINDS, ORIGINS } from "../../../../engine/journal/entry.ts";
import { type Layout, sizeOf } from "../../../../engine/journal/field.ts";
import { FLAGS, HEADER, MAGIC, MAX_BODY, VERSION } from "../../../../engine/journal/header.ts";
import {
  LAYER_FLAGS,
  LAYER_HEADER,
  LAYER_MAGIC,
  LAYER_VERSION,
} from "../../../../engine/journal/layer-header.ts";
import { BARRIER, CONSISTENCIES, DIGESTS, PROOF, ROOT } from "../../../../engine/journal/payload.ts";
import { END_MAGIC, TRAILER } from "../../../../engine/journal/segment.ts";
import {
  BASE_FILE,
  FOLDER,
  GROUP_FILE,
  KEY_FILE,
  LAYER_FILE,
  POINT_FILE,
} from "../../../golden/version-1.ts";

/* The document and the code say the same. */
const text = readFileSync(new URL("../../../../docs/journal-format.md", import.meta.url), "utf8");

/** The text under the heading that begins so, up to the next heading. */
function section(heading: string): string {
  const from = text.search(new RegExp(`^#+ ${heading}`, "m"));
  if (from < 0) throw new Error(`the document has no section ${heading}`);
  return text.slice(from).split(/^#/m)[1] ?? "";
}

/** Cells of the rows of the table that has this first column. */
const rowsOf = (part: string, first: string): string[][] =>
  (part.split(new RegExp(`^\\| ${first} +\\|`, "m"))[1]?.split("\n\n")[0] ?? "")
    .split("\n")
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const STRUCTURES: readonly (readonly [string, Layout])[] = [
  ["Segment header", HEADER],
  ["Segment trailer", TRAILER],
  ["Index entry", ENTRY],
  ["Barrier payload", BARRIER],
  ["Digests payload", DIGESTS],
  ["Proof payload", PROOF],
  ["Proof root", ROOT],
  ["Layer header", LAYER_HEADER],
];

test.each(STRUCTURES)("%s: the table is the codec's", (heading, layout) => {
  const part = section(heading);
  const written = rowsOf(part, "offset").map(([at, size, name]) => [name, Number(at), Number(size)]);
  expect(written).toEqual(Object.entries(layout).map(([name, { at, size }]) => [name, at, size]));
  expect(part).toContain(`(${sizeOf(layout)} bytes`);
});

test.each(STRUCTURES)("%s: fields lie back to back", (_, layout) => {
  let end = 0;
  for (const { at, size } of Object.values(layout)) {
    expect(at).toBe(end);
    end = at + size;
  }
});

const numbered = (rows: string[][]) =>
  Object.fromEntries(rows.map(([number, name]) => [name, Number(number)]));

test("flags, kinds and consistencies have the numbers of the document", () => {
  expect(numbered(rowsOf(section("Segment header"), "flag"))).toEqual(FLAGS);
  expect(numbered(rowsOf(section("Layer header"), "flag"))).toEqual(LAYER_FLAGS);
  expect(numbered(rowsOf(section("Index entry"), "kind"))).toEqual(KINDS);
  expect(numbered(rowsOf(section("Index entry"), "origin"))).toEqual(ORIGINS);
  for (const [name, code] of Object.entries(CONSISTENCIES))
    expect(section("Barrier payload")).toContain(`${code}: ${name}`);
});

test("magic, version and limit are those of the document", () => {
  const shown = (magic: Buffer) => `\`${magic.toString("latin1").replace("\n", "\\n")}\``;
  expect(section("Segment header")).toContain(shown(MAGIC));
  expect(section("Segment trailer")).toContain(shown(END_MAGIC));
  expect(section("Layer header")).toContain(shown(LAYER_MAGIC));
  const version = (heading: string) =>
    rowsOf(section(heading), "offset").find(([, , name]) => name === "version")?.[3];
  expect(version("Segment header")).toBe(`${VERSION}`);
  expect(version("Layer header")).toBe(`${LAYER_VERSION}`);
  expect(section("Segment header")).toContain(MAX_BODY.toLocaleString("en-US"));
  expect(section("Segment header")).toContain(`${sizeOf(HEADER)} + \`storedLength\` + ${sizeOf(TRAILER)}`);
});

test.each([
  ["Manifest of a recovery point", POINT_FILE],
  ["Manifest of a group's point", GROUP_FILE],
  ["Base of a generation", BASE_FILE],
  ["Data key", KEY_FILE],
  ["Layer document", LAYER_FILE],
])("%s: the fields are those of the golden file, in order", (heading, file) => {
  const document: unknown = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
  expect(rowsOf(section(heading), "field").map(([name]) => name)).toEqual(Object.keys(Object(document)));
});
