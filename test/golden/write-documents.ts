import { mkdir, writeFile } from "node:fs/promises";
import { FOLDER } from "./documents.ts";
import { FILES } from "./document-files.ts";

/** `node test/golden/write-documents.ts`: writes the files that are not there yet. What is there is never replaced. */
await mkdir(FOLDER, { recursive: true });
for (const [name, { encode }] of Object.entries(FILES))
  await writeFile(new URL(name, FOLDER), await encode(), { flag: "wx" }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
