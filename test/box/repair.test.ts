import { afterAll, beforeAll, expect, test } from "vitest";
import { MIB } from "../../engine/core/units.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/*
 * An operator has a machine compared with what the target holds: the generation ends, the next stands on the newest point and sends
 * only what differs from it, new points follow, and the old ones stay. The tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 4000,
  replica: "none",
  verifyInterval: 2000,
};

const pointsIn = async (which: (generation: number) => boolean) =>
  (await box.points()).filter(({ properties }) => which(properties.leeward.generation));
const first = (generation: number) => generation === 1;
const later = (generation: number) => generation > 1;

const repair = () => box.call("POST", `${box.item("Ledger")}/repairReplication`);

test("a repair that an operator asks for sends only what differs, and new points follow", async () => {
  await box.protected(POLICY);
  await box.openShop(3);
  await waitFor("points", async () => ((await pointsIn(first)).length >= 2 ? true : undefined), 120_000);
  const before = (await pointsIn(first)).map(({ name }) => name);

  const asked = await repair();
  expect(asked.status).toBe(200);
  expect(asked.body).toMatchObject({ properties: { leeward: { generation: 2 } } });
  const again = await repair();
  expect(errorOf(again)).toMatchObject({ status: 409, code: "Conflict" });

  const { leeward, protectionState } = await box.until(
    "the end of the comparison",
    ({ leeward: { resync } }) => resync?.state === "ended" && resync.reason === "operator",
  );
  expect(protectionState).toBe("Protected");
  expect(leeward.generation).toBeGreaterThan(1);
  expect((await pointsIn(first)).map(({ name }) => name)).toContain(leeward.resync?.base);
  // The disk holds some two hundred MiB; what differs is what the customers wrote since the base.
  expect(leeward.resync?.sent).toBeGreaterThan(0);
  expect(leeward.resync?.sent).toBeLessThan(32 * MIB);
  await waitFor(
    "points of the next generation",
    async () => ((await pointsIn(later)).length >= 2 ? true : undefined),
    120_000,
  );
  const kept = (await pointsIn(first)).map(({ name }) => name);
  expect(kept).toEqual(expect.arrayContaining(before));
});

test("the points that follow are what the source had, block by block, over both generations", async () => {
  const { healthErrors } = await waitFor(
    "a verified point of the next generation",
    async () => {
      const now = await box.look();
      const { verifiedPoint } = now.leeward.verification ?? {};
      return (await pointsIn(later)).some(({ name }) => name === verifiedPoint) ? now : undefined;
    },
    240_000,
  );
  expect(healthErrors).toEqual([]);
});
