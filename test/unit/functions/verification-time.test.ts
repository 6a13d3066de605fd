import { expect, test } from "vitest";
import { itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { whileReplicating } from "../../../functions/activities/verification.ts";
import { ITEM, item, protectedItem } from "../engine/recovery/fixture.ts";

const { machine } = item();

async function services() {
  const records = recordsIn(new MemoryRecordStore());
  await records.items.create(itemKey(ITEM), protectedItem());
  return { records };
}

const untilTold = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("verification that takes too long ends by itself, and says so", async () => {
  const late = whileReplicating(await services(), machine, 5, untilTold);
  await expect(late).rejects.toMatchObject({ code: "TimedOut", message: expect.stringContaining(machine) });
});

test("verification in time gives what it found, and fails as it fails", async () => {
  const open = await services();
  expect(await whileReplicating(open, machine, 60_000, async () => "verified")).toBe("verified");
  const failed = whileReplicating(open, machine, 60_000, () => Promise.reject(new RangeError("so")));
  await expect(failed).rejects.toThrow("so");
});
