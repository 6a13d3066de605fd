import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FILES } from "../../../golden/document-files.ts";
import { FOLDER } from "../../../golden/documents.ts";

describe.each(Object.entries(FILES))("%s", (name, { says, encode, decode }) => {
  const document = readFileSync(new URL(name, FOLDER));

  test("says to today's code what was written then", async () => {
    expect(await decode(document)).toEqual(says);
  });

  test("is what today's code writes, byte for byte", async () => {
    expect((await encode()).toString()).toBe(document.toString());
  });

  test("is not believed with any bit changed", async () => {
    for (let at = 0; at < document.length; at += 1 + (at % 5)) {
      const spoiled = Buffer.from(document);
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << (at % 8));
      const found = await decode(spoiled).catch((error: unknown) => error);
      expect(found, `byte ${at}`).not.toEqual(says);
    }
  });
});
