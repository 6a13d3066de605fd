import { beforeEach, describe, expect, test } from "vitest";
import { machineId } from "../../../../engine/core/ids.ts";
import { generation, micros, ordinal } from "../../../../engine/core/units.ts";
import { doomName, doomTwinName } from "../../../../engine/journal/names.ts";
import { type Doom, readDoom, writeDoom } from "../../../../engine/replication/doom.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";

const machine = machineId("machine-1");
const of = generation(3);
const NAMES = [doomName(machine, of), doomTwinName(machine, of)];
const doomTo = (turn: number): Doom => ({
  format: 2,
  turn,
  layers: [{ name: "one", since: micros(5) }],
  segments: [{ below: ordinal(10 * turn), since: micros(6) }],
});

describe("what is to be deleted", () => {
  let objects: MemoryObjectStore;
  const read = () => readDoom(objects, machine, of);
  const bodyOf = async (name: string) => (await objects.get(name))?.body ?? Buffer.alloc(0);

  beforeEach(async () => {
    objects = new MemoryObjectStore();
    for (const turn of [1, 2]) await writeDoom(objects, machine, of, doomTo(turn), await read());
  });

  test("is read as it was written, and nothing is spoiled", async () => {
    expect(await read()).toMatchObject({ doom: doomTo(2), spoiled: [], lost: false });
  });

  test("is nothing where there is none", async () => {
    const none = await readDoom(objects, machine, generation(4));
    expect(none).toMatchObject({ doom: { layers: [], segments: [] }, spoiled: [], lost: false });
    expect(none.etag).toBeUndefined();
  });

  const ROTS: readonly (readonly [string, (name: string) => Promise<unknown>])[] = [
    ["gone", (name) => objects.delete([name])],
    ["cut", async (name) => objects.put(name, (await bodyOf(name)).subarray(0, 90), "any")],
    [
      "changed in one number",
      async (name) => {
        const text = (await bodyOf(name)).toString().replace('"below": 20', '"below": 90');
        await objects.put(name, Buffer.from(text), "any");
      },
    ],
  ];
  for (const [what, rot] of ROTS)
    test.each(NAMES)(`is told by the other copy when one is ${what}: %s`, async (name) => {
      await rot(name);
      expect(await read()).toMatchObject({ doom: doomTo(2), spoiled: [name], lost: false });
      await writeDoom(objects, machine, of, doomTo(3), await read());
      expect(await read()).toMatchObject({ doom: doomTo(3), spoiled: [], lost: false });
    });

  test("is not what one copy was long ago", async () => {
    const old = new MemoryObjectStore();
    await writeDoom(old, machine, of, doomTo(1), await readDoom(old, machine, of));
    for (const name of NAMES) {
      await objects.put(name, (await old.get(name))?.body ?? Buffer.alloc(0), "any");
      expect(await read()).toMatchObject({ doom: doomTo(2), spoiled: [name] });
      await writeDoom(objects, machine, of, doomTo(2), await read());
    }
  });

  test("is lost, and gives up nothing, when neither copy can be believed", async () => {
    for (const name of NAMES) await objects.put(name, Buffer.from("{}"), "any");
    expect(await read()).toMatchObject({ doom: { layers: [], segments: [] }, lost: true });
  });

  test("without a digest, as format 1 was, is not believed", async () => {
    const old = { format: 1, layers: [], segments: [{ below: 1000, since: 1 }] };
    await objects.put(NAMES[0] ?? "", Buffer.from(`${JSON.stringify(old, undefined, 2)}\n`), "any");
    await objects.delete(NAMES.slice(1));
    expect(await read()).toMatchObject({ doom: { segments: [] }, lost: true });
  });

  test("of a later format is refused by name", async () => {
    await objects.put(NAMES[0] ?? "", Buffer.from('{ "format": 3 }'), "any");
    await expect(read()).rejects.toMatchObject({ code: "LayerVersionUnknown" });
  });
});
