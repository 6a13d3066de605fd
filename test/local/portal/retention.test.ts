import { describe, expect, test } from "vitest";
import { present } from "./browser.ts";
import type { LeewardItem } from "../../../engine/contract/protected-item.ts";
import { itemId } from "./fake-api.ts";
import { POINTS, iso, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const MIB = 1024 * 1024;

describe.skipIf(!present)("a machine in the portal", () => {
  const served = new Served();

  test("shows what is kept and what it takes, and resyncs only after it said what that costs", async () => {
    const retention: LeewardItem["retention"] = {
      lastRun: iso(60),
      points: [
        { every: 0, points: 120 },
        { every: 3_600_000, points: 22 },
      ],
      dropped: 900,
      deletedObjects: 1200,
      built: 40,
      building: {
        point: "5f0c9a52-3e1d-4c8b-9a53-0f6f6a1d2b3c",
        stage: "merging",
        done: 100 * MIB,
        total: 1024 * MIB,
        beganTime: iso(4000),
        lastTime: iso(60),
      },
      segments: { objects: 0, bytes: 0 },
      layers: { layers: 9, bytes: 512 * MIB },
      merge: 3.26,
      compression: 1.9,
    };
    served.api.script.items = [protectedItem({ retention }, ["UnplannedFailover", "RepairReplication"])];
    served.api.script.points = POINTS;
    const page = await served.open();
    const see = (text: string) => page.getByText(text).first().waitFor();
    await see(
      "Kept: 120 recent and 22 of every hour, 9 layers (512 MiB), 0 segment objects (0 bytes), a large layer is being built (merging, 100 MiB of 1.0 GiB), merged 3.3 to 1, compressed 1.9 to 1.",
    );
    await page.getByRole("button", { name: "Resync now… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Resync ledger?" });
    await dialog
      .getByText(/compared with what northeurope holds; only blocks that differ are sent/)
      .waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(served.api.script.received).toEqual([]);
    await page.getByRole("button", { name: "Resync now… ledger" }).click();
    await dialog.getByRole("button", { name: "Resync ledger now" }).click();
    await see("A resync of ledger was begun.");
    await see("How far it is appears with the machine.");
    expect(served.api.script.received).toEqual([
      { method: "POST", path: `${itemId("ledger")}/repairReplication`, body: {} },
    ]);
    const resync: LeewardItem["resync"] = {
      state: "comparing",
      reason: "operator",
      beganTime: iso(5),
      base: POINTS[0]?.name ?? null,
      sent: 3 * MIB,
      waiting: MIB,
      scope: null,
      scopeReason: null,
      endedTime: null,
      last: null,
    };
    served.api.script.items = [protectedItem({ retention, resync })];
    await see("Resync: comparing, somebody asked for it, 3.0 MiB differed so far, 1.0 MiB of it on the way.");
    expect(await page.getByRole("button", { name: "Resync now… ledger" }).isVisible()).toBe(false);
  });
});
