import { describe, expect, test } from "vitest";
import { present } from "./browser.ts";
import { failover, runningItem } from "./failed-over.ts";
import { itemId } from "./fake-api.ts";
import { BUILD, POINTS, iso, job, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const [older, newer] = POINTS.map(({ name }) => name);

describe.skipIf(!present)("a machine that was failed over, in the portal", () => {
  const served = new Served();
  const last = () => served.api.script.received.at(-1);

  test("has only the buttons that the app allows", async () => {
    const { script } = served.api;
    script.items = [runningItem(["Commit", "ChangePit", "CancelFailover", "DisableProtection"])];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Commit… ledger" }).waitFor();
    const buttons = page.getByRole("article", { name: "ledger" }).getByRole("button");
    expect((await buttons.allInnerTexts()).map((text) => text.replaceAll("\n", " "))).toEqual([
      "Disable… ledger",
      "Cancel the failover… ledger",
      "Change the recovery point… ledger",
      "Commit… ledger",
    ]);
    script.items = [runningItem([])];
    await expect.poll(() => buttons.count(), { timeout: 15_000 }).toBe(0);
  });

  test("fits a telephone, with the last lines of its console", async () => {
    const { script } = served.api;
    const console = [`{"ready":true,"url":"http://127.0.0.1:35455/${"x".repeat(80)}"}`];
    const build = { ...failover.build, boot: { ...BUILD.boot, console } };
    script.items = [runningItem(["Commit"], { failover: { ...failover, build } })];
    const page = await served.open();
    await page.setViewportSize({ width: 360, height: 740 });
    await page.getByText(/"ready":true/).waitFor();
    await served.picture(page, "failed-over-narrow");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await page.close();
  });

  test("is committed after it was said what that ends, by the keyboard alone", async () => {
    const { script } = served.api;
    script.items = [runningItem(["Commit"])];
    const page = await served.open();
    await page.getByRole("button", { name: "Commit… ledger" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Commit the failover of ledger?" });
    await dialog.getByText(/ledger stays in northeurope for good/).waitFor();
    await dialog.getByText(/What the failover lost stays lost: 7\.5 s, 321 writes/).waitFor();
    await served.picture(page, "commit");
    const before = script.received.length;
    await dialog.getByRole("button", { name: "Not yet" }).press("Enter");
    await dialog.waitFor({ state: "hidden" });
    expect(script.received).toHaveLength(before);
    await page.getByRole("button", { name: "Commit… ledger" }).press("Enter");
    await dialog.getByRole("button", { name: "Commit ledger" }).press("Enter");
    await page.getByText("The commit of ledger was started.").waitFor();
    expect(last()).toEqual({ method: "POST", path: `${itemId("ledger")}/failoverCommit`, body: {} });
  });

  test("shows how far what was asked for is, and why it failed and what to do", async () => {
    const { script } = served.api;
    script.items = [runningItem(["Commit"])];
    script.jobs = [];
    script.operation = "job-1";
    const page = await served.open();
    await page.getByRole("button", { name: "Commit… ledger" }).click();
    await page.getByRole("button", { name: "Commit ledger" }).click();
    const notice = page.locator(".notice", { hasText: "The commit of ledger was started." });
    await notice.waitFor();
    const { properties, ...rest } = job("Commit");
    script.jobs = [{ ...rest, properties }];
    await notice.getByText("Step 2: Build the disks.").waitFor();
    const error = {
      serviceErrorDetails: { code: "ArmFailed", message: "a lock is on it", recommendedAction: "Unlock it." },
    };
    script.jobs = [{ ...rest, properties: { ...properties, state: "Failed", errors: [error] } }];
    await notice.getByText("It failed.").waitFor();
    await notice.getByText("a lock is on it").waitFor();
    await notice.getByText("Unlock it.").waitFor();
    await served.picture(page, "followed");
    script.jobs = [{ ...rest, properties: { ...properties, state: "Succeeded" } }];
    await notice.getByText("It is done.").waitFor();
    await notice.getByRole("button", { name: "Dismiss" }).click();
    expect(await notice.count()).toBe(0);
    delete script.operation;
    script.jobs = [];
  });

  test("is built from another point only by somebody who chose one and says that what was written may go", async () => {
    const { script } = served.api;
    script.items = [
      runningItem(["ChangePit"], { failover: { ...failover, point: newer ?? "", endTime: iso(30) } }),
    ];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Change the recovery point… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Build ledger from another recovery point?" });
    await dialog.getByText(/everything that ledger has written in northeurope since/).waitFor();
    expect(await dialog.getByRole("option", { name: /as it runs/ }).isDisabled()).toBe(true);
    const before = script.received.length;
    await dialog.getByRole("button", { name: "Build ledger anew now" }).click();
    const select = dialog.getByLabel("Recovery point");
    expect(await select.evaluate((node) => node.matches(":invalid"))).toBe(true);
    await select.selectOption(older ?? "");
    await dialog.getByText(/of what was written before the failover, everything after/).waitFor();
    await served.picture(page, "change-point");
    await dialog.getByRole("button", { name: "Build ledger anew now" }).click();
    expect(script.received).toHaveLength(before);
    await dialog.getByRole("checkbox").check();
    await dialog.getByRole("button", { name: "Build ledger anew now" }).click();
    await page.getByText("ledger is being built from another recovery point.").waitFor();
    expect(last()).toEqual({
      method: "POST",
      path: `${itemId("ledger")}/applyRecoveryPoint`,
      body: { properties: { recoveryPointId: older, providerSpecificDetails: { instanceType: "A2A" } } },
    });
  });

  test("is built from the state at any instant", async () => {
    const { script } = served.api;
    script.items = [runningItem(["ChangePit"])];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Change the recovery point… ledger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Recovery point").selectOption("No point: any instant");
    await dialog.getByLabel(/Every write up to this/).fill("2026-11-21T20:15:03.250Z");
    await dialog.getByRole("checkbox").check();
    await dialog.getByRole("button", { name: "Build ledger anew now" }).click();
    await page.getByText("ledger is being built from another recovery point.").waitFor();
    expect(last()?.body).toEqual({
      properties: {
        providerSpecificDetails: { instanceType: "A2A" },
        leeward: { at: "2026-11-21T20:15:03.250Z" },
      },
    });
  });

  test("is protected the other way when the app allows it, and said to lose what the old side had", async () => {
    const { script } = served.api;
    script.items = [runningItem(["SwitchProtection"], { state: "UnplannedFailoverCommitted" })];
    const page = await served.open();
    await page.getByRole("button", { name: "Protect it the other way… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Protect ledger towards westeurope?" });
    await dialog.getByText(/what the old machine in westeurope wrote/).waitFor();
    await served.picture(page, "reprotect");
    await dialog.getByRole("button", { name: "Protect ledger towards westeurope" }).click();
    await page.getByText("ledger is being protected the other way.").waitFor();
    expect(last()).toMatchObject({ method: "POST", path: `${itemId("ledger")}/reProtect` });
  });

  test("whose way back failed over there goes on with it, and says what it will have otherwise", async () => {
    const { script } = served.api;
    const failed = runningItem(["SwitchProtection"], { state: "ReversalFailed" });
    const { properties } = failed;
    const providerSpecificDetails = {
      ...properties.providerSpecificDetails,
      primaryFabricLocation: "northeurope",
      recoveryFabricLocation: "westeurope",
    };
    script.items = [{ ...failed, properties: { ...properties, providerSpecificDetails } }];
    const { properties: said, ...rest } = job("Protect in the other direction");
    script.jobs = [{ ...rest, properties: { ...said, leewardChanges: ["ledger runs, and is shut down"] } }];
    const page = await served.open();
    await page.getByText("northeurope → westeurope").waitFor();
    await page.getByText("Otherwise than before: 1 thing").click();
    expect(await page.getByText("ledger runs, and is shut down").isVisible()).toBe(true);
    await page.getByRole("button", { name: "Try to protect it back again… ledger" }).click();
    await page.getByRole("dialog", { name: "Protect ledger towards westeurope?" }).waitFor();
    await page.getByText(/ledger runs in northeurope all the while/).waitFor();
    script.jobs = [];
    await page.close();
  });

  test("has what only happened dismissed, and not what goes on", async () => {
    const { script } = served.api;
    const error = (errorCode: string, customerResolvability: "Allowed" | "NotAllowed") => ({
      errorId: `id of ${errorCode}`,
      entityId: itemId("ledger"),
      errorSource: "Leeward",
      errorType: errorCode,
      possibleCauses: "",
      recoveryProviderErrorMessage: null,
      customerResolvability,
      innerHealthErrors: [],
      errorCode,
      errorLevel: "Error" as const,
      errorCategory: "Replication",
      summaryMessage: errorCode,
      errorMessage: `${errorCode} happened`,
      recommendedAction: "Look.",
      creationTimeUtc: iso(38),
    });
    const item = protectedItem({}, []);
    const healthErrors = [error("UpgradeFailed", "Allowed"), error("AgentSilent", "NotAllowed")];
    script.items = [{ ...item, properties: { ...item.properties, healthErrors } }];
    const page = await served.open();
    await page.getByRole("button", { name: "Dismiss UpgradeFailed of ledger" }).click();
    expect(await page.getByRole("button", { name: /Dismiss AgentSilent/ }).count()).toBe(0);
    await page.getByText("UpgradeFailed of ledger was dismissed.").waitFor();
    expect(last()).toEqual({
      method: "POST",
      path: `${itemId("ledger")}/resolveHealthErrors`,
      body: { properties: { healthErrors: [{ healthErrorId: "id of UpgradeFailed" }] } },
    });
  });

  test("is taken back only by somebody who says that what was written there may go", async () => {
    const { script } = served.api;
    script.items = [runningItem(["CancelFailover"])];
    const page = await served.open();
    await page.getByRole("button", { name: "Cancel the failover… ledger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/The machine that runs in northeurope is deleted/).waitFor();
    const before = script.received.length;
    await served.picture(page, "cancel-running");
    await dialog.getByRole("button", { name: /^Delete it/ }).click();
    const box = dialog.getByRole("checkbox");
    expect(await box.evaluate((node) => node.matches(":invalid"))).toBe(true);
    expect(script.received).toHaveLength(before);
    await box.check();
    await dialog.getByRole("button", { name: /^Delete it/ }).click();
    await page.getByText("The failover of ledger is being taken back.").waitFor();
    expect(last()?.path).toBe(`${itemId("ledger")}/failoverCancel`);
  });
});
