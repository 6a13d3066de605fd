import { describe, expect, test } from "vitest";
import { present } from "./browser.ts";
import { failover } from "./failed-over.ts";
import { itemId } from "./fake-api.ts";
import { POINTS, iso, item, losses, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const refusal = (errorCode: string, errorMessage: string) => ({
  errorId: "1",
  entityId: itemId("ledger"),
  errorSource: "Leeward",
  errorType: errorCode,
  possibleCauses: errorMessage,
  recoveryProviderErrorMessage: null,
  customerResolvability: "NotAllowed" as const,
  innerHealthErrors: [],
  errorCode,
  errorLevel: "Error" as const,
  errorCategory: "Replication",
  summaryMessage: errorMessage,
  errorMessage,
  recommendedAction: "Fail over again with another size.",
  creationTimeUtc: iso(38),
});
const UNFIT = refusal("TargetUnfit", "check the target region: Standard_D4s_v5 is restricted in northeurope");

describe.skipIf(!present)("failovers in the portal", () => {
  const served = new Served();
  const last = () => served.api.script.received.at(-1);

  test("are begun with another size, by its name", async () => {
    const { script } = served.api;
    script.items = [protectedItem()];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Fail over ledger?" });
    const size = dialog.getByLabel("Size of the machine");
    expect(await size.locator("option").allInnerTexts()).toEqual(["As planned", "Another one"]);
    await size.selectOption("Another one");
    const field = dialog.getByRole("textbox");
    await field.fill("a size");
    await dialog.getByRole("button", { name: "Fail over ledger now" }).click();
    expect(await field.evaluate((node) => node.matches(":invalid"))).toBe(true);
    await field.fill("Standard_E4s_v5");
    await served.picture(page, "failover-size");
    await dialog.getByRole("button", { name: "Fail over ledger now" }).click();
    await page.getByText("The failover of ledger was started.").waitFor();
    expect(last()?.body).toEqual({
      properties: {
        failoverDirection: "PrimaryToRecovery",
        sourceSiteOperations: "NotRequired",
        providerSpecificDetails: { instanceType: "A2A" },
        leeward: { size: "Standard_E4s_v5" },
      },
    });
  });

  test("that the region refused offer the sizes that would do, and go on with the nearest", async () => {
    const { script } = served.api;
    script.items = [
      item({ state: "FailoverFailed", failover }, ["UnplannedFailover", "CancelFailover"], [UNFIT]),
    ];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Try the failover again… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Try the failover of ledger again?" });
    await dialog.getByText("Standard_D4s_v5 is restricted in northeurope").waitFor();
    await dialog.getByText("2 sizes would do").waitFor();
    const size = dialog.getByLabel("Size of the machine");
    expect(await size.locator("option").allInnerTexts()).toEqual([
      "Standard_D4s_v5, which was refused",
      "Standard_E4s_v5",
      "Standard_D8s_v5",
      "Another one",
    ]);
    expect(await size.inputValue()).toBe("Standard_E4s_v5");
    await dialog.getByRole("option", { name: /^The same as before: the point of/ }).waitFor({
      state: "attached",
    });
    await served.picture(page, "failover-again");
    await dialog.getByRole("button", { name: "Try again now" }).click();
    await page.getByText("The failover of ledger was started.").waitFor();
    expect(last()).toMatchObject({
      path: `${itemId("ledger")}/unplannedFailover`,
      body: {
        properties: {
          providerSpecificDetails: { instanceType: "A2A" },
          leeward: { size: "Standard_E4s_v5" },
        },
      },
    });
    expect(JSON.stringify(last()?.body)).not.toMatch(/recoveryPoint|acceptUnfit|bootCheck/);
  });

  test("go on with the refused size, the newest point and without the agent, if that is what somebody wants", async () => {
    const { script } = served.api;
    script.items = [
      item({ state: "FailoverFailed", failover }, ["UnplannedFailover", "CancelFailover"], [UNFIT]),
    ];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Try the failover again… ledger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Recovery point").selectOption("The newest that there is now");
    await dialog.getByLabel("Size of the machine").selectOption("Standard_D4s_v5, which was refused");
    await dialog.getByText("Build it all the same.").click();
    await dialog.getByText("It need only run.").click();
    await dialog.getByRole("button", { name: "Try again now" }).click();
    await page.getByText("The failover of ledger was started.").waitFor();
    expect(last()?.body).toMatchObject({
      properties: {
        leeward: { recoveryPointType: "LatestProcessed", acceptUnfit: true, bootCheck: "running" },
      },
    });
    expect(JSON.stringify(last()?.body)).not.toContain("size");
  });

  test("that failed are cancelled by the keyboard alone, after it was said what that means", async () => {
    const { script } = served.api;
    script.items = [
      item({ state: "FailoverFailed", failover }, ["UnplannedFailover", "CancelFailover"], [UNFIT]),
    ];
    const page = await served.open();
    await page.getByRole("button", { name: "Cancel the failover… ledger" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Cancel the failover of ledger?" });
    await dialog.getByText(/Whatever the failover built in northeurope is deleted/).waitFor();
    await served.picture(page, "cancel-failed");
    await dialog.getByRole("button", { name: "Keep it" }).press("Enter");
    expect(await dialog.count()).toBe(0);
    const before = script.received.length;
    await page.getByRole("button", { name: "Cancel the failover… ledger" }).press("Enter");
    await dialog.getByRole("button", { name: "Delete it, and protect the source again" }).press("Enter");
    await page.getByText("The failover of ledger is being taken back.").waitFor();
    expect(script.received.slice(before)).toEqual([
      { method: "POST", path: `${itemId("ledger")}/failoverCancel`, body: {} },
    ]);
  });

  test("shut the source down first if that is ticked", async () => {
    const { script } = served.api;
    script.items = [protectedItem()];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    await page.getByText("Shut the source down first, if it answers.").click();
    await page.getByRole("button", { name: "Fail over ledger now" }).click();
    await page.getByText("The failover of ledger was started.").waitFor();
    expect(last()?.body).toMatchObject({ properties: { sourceSiteOperations: "Required" } });
  });

  test("that are planned say what is done to the source, and that nothing is lost", async () => {
    const { script } = served.api;
    script.items = [protectedItem({ losses }, ["PlannedFailover", "UnplannedFailover"])];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Planned failover… ledger" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Shut ledger down, and fail it over?" });
    await dialog.getByText(/ledger in westeurope is shut down in order, and stays off/).waitFor();
    await dialog.getByText(/What will be lost: nothing/).waitFor();
    await dialog.getByText(/Still to arrive in northeurope now: 4\.6 s, 34 writes \(5\.0 MiB\)/).waitFor();
    await served.picture(page, "planned");
    const before = script.received.length;
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(script.received).toHaveLength(before);
    await page.getByRole("button", { name: "Planned failover… ledger" }).click();
    await dialog.getByRole("button", { name: "Shut ledger down now" }).press("Enter");
    await page.getByText("The planned failover of ledger was started.").waitFor();
    expect(last()).toEqual({
      method: "POST",
      path: `${itemId("ledger")}/plannedFailover`,
      body: {
        properties: {
          failoverDirection: "PrimaryToRecovery",
          providerSpecificDetails: { instanceType: "A2A" },
        },
      },
    });
  });
});
