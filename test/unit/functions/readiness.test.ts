import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { checkReadiness } from "../../../functions/readiness.ts";
import { protectedItem } from "../engine/recovery/fixture.ts";

const source = {
  region: "westeurope",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: [],
};
const item = protectedItem({ source });

/** A control plane whose ARM answers a look at the machine so. */
function made() {
  const records = recordsIn(new MemoryRecordStore());
  const look = (find: () => Promise<unknown>) =>
    checkReadiness(
      {
        records,
        clock: systemClock,
        settings: { ...Object.create(null), region: "northeurope" },
        arm: { ...Object.create(null), find },
        offerOf: async () => ({ sizes: new Map(), disks: new Map() }),
      },
      item,
    );
  const found = async () => (await records.readiness.get(item.machine))?.value;
  return { look, found };
}

test("a machine that is gone is an error of its readiness", async () => {
  const { look, found } = made();
  await look(async () => undefined);
  expect(await found()).toMatchObject({ found: [{ code: "SourceGone" }] });
});

test("a region that does not answer is noted, and what was found before stands", async () => {
  const { look, found } = made();
  await look(async () => undefined);
  const down = new LeewardError("ArmUnavailable", "no answer");
  await look(() => Promise.reject(down));
  expect(await found()).toMatchObject({
    found: [{ code: "SourceGone" }],
    problem: { code: "ArmUnavailable", message: "no answer" },
  });
});

test("an answer that nobody expected is noted too, and stops no other machine's look", async () => {
  const { look, found } = made();
  await look(() => Promise.reject(new TypeError("x is undefined")));
  expect(await found()).toMatchObject({ found: [], problem: { code: "Unexpected" } });
});
