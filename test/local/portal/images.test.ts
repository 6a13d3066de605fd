import { describe, expect, test } from "vitest";
import { POINTS, agent, protectedItem } from "./fixtures.ts";
import { present } from "./browser.ts";
import { Served } from "./served.ts";

describe.skipIf(!present)("a machine without an agent in the portal", () => {
  const served = new Served();

  test("is shown with the interval of its images, and how far its disks are apart in a point; no writes are counted", async () => {
    const policy = { capture: "snapshots", imageInterval: 300_000 };
    served.api.script.items = [protectedItem({ policy, agent: agent(3) })];
    const [newest, ...others] = POINTS;
    if (!newest) throw new RangeError("there are no points");
    const leeward = { ...newest.properties.leeward, spread: 2500 };
    served.api.script.points = [{ ...newest, properties: { ...newest.properties, leeward } }, ...others];
    const page = await served.open();
    const see = (text: RegExp) => page.getByText(text).first().waitFor();
    await see(/Without an agent: streaming, an image of its disks every 5 min.* Nothing between two images/);
    await see(/since the newest image: nobody counts the writes/);
    // In the table of points, which is folded up.
    await page.getByText(/disks one by one, within 2.5 s/).waitFor({ state: "attached" });
    expect(await page.getByText(/10 writes/).count()).toBe(0);
  });
});
