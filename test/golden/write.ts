import { mkdir, writeFile } from "node:fs/promises";
import { follow } from "../../engine/journal/chain.ts";
import { startOf } from "../../engine/journal/position.ts";
import { sealSegment } from "../../engine/journal/seal.ts";
import {
  CONTINUES,
  DATA_KEY,
  FOLDER,
  FROM,
  GENERATION,
  MACHINE,
  PACK_FILE,
  RECORDS,
  SEGMENT_FILES,
} from "./version-5.ts";

/** `node test/golden/write.ts`: writes the golden files of the newest version, once. What is there is never replaced. */
await mkdir(FOLDER, { recursive: true });
const put = (name: string, content: Uint8Array) => writeFile(new URL(name, FOLDER), content, { flag: "wx" });

let position = startOf(GENERATION, FROM);
const sealed: Buffer[] = [];
for (const records of RECORDS) {
  const { generation, next: ordinal, chain: previous, sequence: from } = position;
  const segment = await sealSegment({
    machine: MACHINE,
    generation,
    ordinal,
    previous,
    from,
    records,
    indivisible: CONTINUES.includes(ordinal),
    continues: CONTINUES.includes(ordinal),
    key: DATA_KEY,
  });
  await put(SEGMENT_FILES[ordinal] ?? `${ordinal}.seg`, segment.bytes);
  sealed.push(segment.bytes);
  position = follow(MACHINE, position, segment);
}
await put(PACK_FILE, Buffer.concat(sealed));
