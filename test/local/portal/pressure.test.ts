import { describe, expect, test } from "vitest";
import type { LeewardItem } from "../../../engine/contract/protected-item.ts";
import { present } from "./browser.ts";
import { POINTS, agent, iso, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const MIB = 1024 * 1024;

describe.skipIf(!present)("a machine whose cache is in trouble", () => {
  const served = new Served();

  type Pressure = NonNullable<NonNullable<LeewardItem["agent"]>["pressure"]>;
  const under = (pressure: Pressure) => {
    const said = agent(1);
    return protectedItem({ agent: said && { ...said, pressure } });
  };

  test("shows which rung it is on, what that costs, and that a broken journal is not 'Protected'", async () => {
    const { script } = served.api;
    script.points = POINTS;
    script.items = [under({ rung: "slow", sinceTime: iso(30), unrecorded: null })];
    const page = await served.open();
    const see = (text: string | RegExp) => page.getByText(text).first().waitFor();
    const ladder = page.getByRole("region", { name: "Way to the cache" });
    const here = async () => ladder.locator("[aria-current=step]").innerText();
    await see("nothing of the journal is lost");
    expect(await here()).toBe("Larger segments");

    const unrecorded = { bytes: 12 * MIB, writes: 345 };
    script.items = [under({ rung: "merging", sinceTime: iso(20), unrecorded })];
    await see(/12\.0 MiB in 345 writes are not in the journal yet/);
    expect(await here()).toBe("Writes merged");

    script.items = [under({ rung: "broken", sinceTime: iso(10), unrecorded })];
    await see(/12\.0 MiB in 345 writes since then are in no journal, and would be lost/);
    expect(await here()).toBe("Journal broken");
    await see("Protected up to the break");
    await see(/a comparison with the newest point then begins by itself/);

    script.items = [under({ rung: "normal", sinceTime: iso(1), unrecorded: null })];
    await ladder.waitFor({ state: "detached" });
    expect(await page.locator(".pill").first().innerText()).toBe("Protected");
    await page.close();
  });
});
