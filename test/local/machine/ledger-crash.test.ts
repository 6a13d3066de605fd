import { beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../../engine/core/units.ts";
import { formatLedger } from "../../../local/machine/format-ledger.ts";
import { Ledger } from "../../../local/machine/ledger.ts";
import { seededRandom } from "../../../local/machine/seeded-random.ts";
import { type Event, RecordingDevice } from "../../unit/local/machine/recording-device.ts";

const SEED = Number(process.env["SEED"] ?? Date.now() % 2 ** 32);
const random = seededRandom(SEED);
const below = (limit: number) => Math.floor(random() * limit);
const CUTS = 30;

interface Acknowledged {
  readonly id: number;
  /** Events that had been done to the disk when the order was acknowledged. */
  readonly after: number;
}

/** A few hundred orders, alone and in groups, over several checkpoints of the log, one clean stop in between. */
async function history(): Promise<{ device: RecordingDevice; acknowledged: Acknowledged[] }> {
  const blank = new RecordingDevice(Buffer.alloc(12 * MIB));
  await formatLedger(blank, { seed: SEED, archiveBytes: MIB });
  const device = new RecordingDevice(blank.content);
  const acknowledged: Acknowledged[] = [];
  for (const rounds of [250, 200]) {
    const ledger = await Ledger.open({ database: device });
    const place = async () => {
      const { id } = await ledger.place({
        customer: "c",
        item: "i".repeat(1 + below(200)),
        amount: 1 + below(99),
      });
      acknowledged.push({ id, after: device.events.length });
    };
    for (let round = 0; round < rounds; round += 1)
      await Promise.all(Array.from({ length: below(4) === 0 ? 1 + below(10) : 1 }, place));
    await ledger.close();
  }
  return { device, acknowledged };
}

/** Opens what a crash left; says what is wrong with it, or nothing. */
async function wrongs(content: Buffer, floor: number): Promise<string[]> {
  try {
    const ledger = await Ledger.open({ database: new RecordingDevice(content) });
    const found = await ledger.integrity();
    const orders = await ledger.list(0, 10_000);
    await ledger.close();
    return [
      ...(found.ok ? [] : found.report),
      ...(found.documents > 0 ? [] : ["no documents"]),
      ...(orders.length >= floor ? [] : [`order ${floor} was acknowledged, ${orders.length} are there`]),
      ...orders.flatMap(({ id }, index) => (id === index + 1 ? [] : [`order ${id} at place ${index + 1}`])),
    ];
  } catch (error) {
    return [String(error)];
  }
}

/** The first sectors of a write, as a power cut may leave it. */
function torn(event: Event | undefined): Event[] {
  if (event === undefined || event === "flush") return [];
  return [{ offset: event.offset, data: event.data.subarray(0, 512 * below(event.data.length / 512)) }];
}

describe(`a ledger whose machine loses power (SEED=${SEED})`, () => {
  let device: RecordingDevice;
  let acknowledged: Acknowledged[];
  beforeAll(async () => {
    ({ device, acknowledged } = await history());
  });
  const floorAt = (events: number) =>
    Math.max(0, ...acknowledged.filter(({ after }) => after <= events).map(({ id }) => id));

  test("has every acknowledged order after a cut at any write, torn or whole", async () => {
    expect(device.events.length).toBeGreaterThan(500);
    for (let cut = 0; cut < CUTS; cut += 1) {
      const kept = below(device.events.length + 1);
      const events = [...device.events.slice(0, kept), ...torn(device.events[kept])];
      expect(await wrongs(device.with(events), floorAt(kept)), `cut at ${kept}`).toEqual([]);
    }
  });

  test("has them too when the disk kept any of the writes since the last flush, in any order", async () => {
    const flushes = device.events.flatMap((event, index) => (event === "flush" ? [index] : []));
    let lost = 0;
    for (let cut = 0; cut < CUTS; cut += 1) {
      const which = below(flushes.length - 1);
      const [flushed, next] = [(flushes[which] ?? 0) + 1, flushes[which + 1] ?? 0];
      const volatile = device.events.slice(flushed, next);
      const survived = volatile.filter(() => random() < 0.5).toSorted(() => random() - 0.5);
      lost += volatile.length - survived.length;
      const content = device.with([...device.events.slice(0, flushed), ...survived]);
      expect(await wrongs(content, floorAt(flushed)), `flush ${which}`).toEqual([]);
    }
    expect(lost).toBeGreaterThan(0);
  });

  test("shows it when the disk forgets a write in the middle", async () => {
    const writes = device.events.flatMap((event, index) => (event === "flush" ? [] : [index]));
    let noticed = 0;
    for (let cut = 0; cut < CUTS; cut += 1) {
      const dropped = writes[below(writes.length - 10)] ?? 0;
      const events = device.events.slice(0, dropped + 8).filter((_, index) => index !== dropped);
      if ((await wrongs(device.with(events), floorAt(dropped + 8))).length > 0) noticed += 1;
    }
    console.log(`a forgotten write was noticed in ${noticed} of ${CUTS} tries (SEED=${SEED})`);
    expect(noticed).toBeGreaterThan(CUTS / 2);
  });
});
