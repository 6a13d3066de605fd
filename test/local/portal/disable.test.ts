import { describe, expect, test } from "vitest";
import { present } from "./browser.ts";
import { itemId } from "./fake-api.ts";
import { POINTS, iso, job, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const network = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net-recovery";
const account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lwc123";

describe.skipIf(!present)("the end of a protection in the portal", () => {
  const served = new Served();

  test("says what will go and what stays before anything does, and sends what was chosen", async () => {
    served.api.script.items = [protectedItem({}, ["DisableProtection"])];
    served.api.script.points = POINTS;
    served.api.script.removal = {
      deleted: [{ type: "Microsoft.Storage/storageAccounts", name: account }],
      left: [{ type: "Microsoft.Network/virtualNetworks", name: network, why: "till uses it" }],
    };
    const page = await served.open();
    await page.getByRole("button", { name: "Disable… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Disable the protection of ledger?" });
    await dialog.getByText("Will be deleted: 1 thing").click();
    await dialog.getByText("lwc123").waitFor();
    await dialog.getByText("Will stay: 1 thing").click();
    await dialog.getByText("till uses it").waitFor();
    await served.picture(page, "disable");
    await dialog.getByText("Keep the recovery points.").click();
    await dialog.getByRole("button", { name: "Disable ledger now" }).click();
    await page.getByText("The end of the protection of ledger was begun.").waitFor();
    expect(served.api.script.received).toEqual([
      {
        method: "POST",
        path: `${itemId("ledger")}/remove`,
        body: { properties: { disableProtectionReason: "NotSpecified", leeward: { keepPoints: true } } },
      },
    ]);
    await page.getByRole("button", { name: "Disable… ledger" }).click();
    await dialog.getByText("Go on without what does not answer.").click();
    await expect.poll(() => dialog.getByLabel(/^Keep the recovery points/).isDisabled()).toBe(true);
    await dialog.getByRole("button", { name: "Disable ledger now" }).click();
    await expect
      .poll(() => served.api.script.received.at(-1))
      .toMatchObject({
        method: "DELETE",
        path: itemId("ledger"),
      });
  });

  test("shows with its job what was deleted and what was left", async () => {
    const { properties, ...rest } = job("Disable replication");
    const leewardRemoved = {
      deleted: [{ type: "objects", name: "target/machines/ledger-1/journal", count: 12, bytes: 2048 }],
      left: [{ type: "agent", name: "ledger-1", why: "the machine does not run" }],
      unnamed: { deleted: 3, left: 0 },
    };
    served.api.script.items = [];
    served.api.script.jobs = [{ ...rest, properties: { ...properties, leewardRemoved } }];
    const page = await served.open();
    await page.getByText("Deleted: 4 things").click();
    await page.getByText("12 objects, 2.0 KiB").waitFor();
    await page.getByText("Left: 1 thing").click();
    expect(await page.getByText("the machine does not run").isVisible()).toBe(true);
  });

  test("upgrades an agent that is older than the app's", async () => {
    const agent = {
      version: "0.0.9",
      upgradeAvailable: true,
      mode: "streaming" as const,
      lastHeartbeat: iso(1),
      backlog: { segments: 0, bytes: 0, copiedBytes: 0 },
      capturedBytes: 0,
      uploadedBytes: 0,
      pressure: null,
    };
    served.api.script.jobs = [];
    served.api.script.items = [protectedItem({ state: "Protected", agent }, [])];
    const page = await served.open();
    await page.getByRole("button", { name: "Upgrade the agent of ledger" }).click();
    await page.getByText("An upgrade of the agent of ledger was started.").waitFor();
    expect(served.api.script.received.at(-1)).toMatchObject({
      method: "POST",
      path: `${itemId("ledger")}/updateMobilityService`,
    });
  });
});
