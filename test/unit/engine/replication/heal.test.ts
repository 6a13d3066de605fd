import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { whileHealing } from "../../../../engine/replication/heal.ts";

const damaged = () => new LeewardError("ManifestDamaged", "a manifest is not JSON");

test("what another run healed meanwhile is found by doing the work once more", async () => {
  let calls = 0;
  const work = async () => {
    if (++calls === 1) throw damaged();
    return "the point";
  };
  expect(await whileHealing(work, async () => [])).toBe("the point");
});

test("what nobody can heal is told after one more try", async () => {
  let calls = 0;
  const work = async () => {
    calls++;
    throw damaged();
  };
  await expect(whileHealing(work, async () => [])).rejects.toThrow(/not JSON/);
  expect(calls).toBe(2);
});

test("work is done again as often as something else was healed, four times at most", async () => {
  let calls = 0;
  const work = async () => {
    calls++;
    throw damaged();
  };
  const mend = async () => [{ name: "points/1.json", what: "was gone; made again" }];
  await expect(whileHealing(work, mend)).rejects.toThrow(/not JSON/);
  expect(calls).toBe(4);
});
