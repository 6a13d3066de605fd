import { describe, expect, test } from "vitest";
import type { RecoveryPlanView } from "../../../engine/contract/recovery-plan-view.ts";
import { present } from "./browser.ts";
import { itemId, jobId, planId } from "./fake-api.ts";
import { POINTS, job, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const action = (actionName: string) => ({
  actionName,
  failoverTypes: ["UnplannedFailover"],
  failoverDirections: ["PrimaryToRecovery"],
  customDetails: { instanceType: "ManualActionDetails" },
});
const plan = (
  allowedOperations: string[],
  changed: Partial<RecoveryPlanView["properties"]> = {},
): RecoveryPlanView => ({
  id: planId("offices"),
  name: "offices",
  type: "Microsoft.RecoveryServices/vaults/replicationRecoveryPlans",
  properties: {
    friendlyName: "offices",
    primaryFabricId: "p",
    primaryFabricFriendlyName: "p",
    recoveryFabricId: "r",
    recoveryFabricFriendlyName: "r",
    failoverDeploymentModel: "ResourceManager",
    replicationProviders: ["A2A"],
    allowedOperations,
    lastPlannedFailoverTime: null,
    lastUnplannedFailoverTime: null,
    lastTestFailoverTime: null,
    currentScenario: { scenarioName: "None", jobId: jobId("None"), startTime: "1753-01-01T01:01:01Z" },
    currentScenarioStatus: null,
    currentScenarioStatusDescription: null,
    groups: [
      {
        groupType: "Boot",
        replicationProtectedItems: [
          { id: itemId("ledger").toUpperCase(), virtualMachineId: null },
          { id: itemId("<i>gone"), virtualMachineId: null },
        ],
        startGroupActions: [action("<b>approve</b>")],
        endGroupActions: [],
      },
    ],
    providerSpecificDetails: [{ instanceType: "A2A" }],
    ...changed,
  },
});

describe.skipIf(!present)("recovery plans in the portal", () => {
  const served = new Served();
  const last = () => served.api.script.received.at(-1);

  test("show their machines and actions, and run after it was said what is lost of each machine", async () => {
    const { script } = served.api;
    script.items = [protectedItem()];
    script.points = POINTS;
    script.plans = [plan(["TestFailover", "UnplannedFailover"])];
    const page = await served.open();
    const card = page.getByRole("article", { name: "offices" });
    await card.getByText("ledger, <i>gone").waitFor();
    await card.getByText("with 1 action: <b>approve</b>").waitFor();
    expect(
      (await card.getByRole("button").allInnerTexts()).map((text) => text.replaceAll("\n", " ")),
    ).toEqual(["Test failover… of offices", "Fail over… of offices"]);
    await card.getByRole("button", { name: "Fail over… of offices" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Fail over all of offices?" });
    await dialog.getByText(/ledger: everything that ledger wrote after/).waitFor();
    await served.picture(page, "plan-run");
    await dialog.getByText("Shut the sources down first, if they answer.").click();
    await dialog.getByRole("button", { name: "Fail them over now" }).click();
    await page.getByText("offices is being run.").waitFor();
    expect(last()).toEqual({
      method: "POST",
      path: `${planId("offices")}/unplannedFailover`,
      body: { properties: { sourceSiteOperations: "Required" } },
    });
    await page.close();
  });

  test("are tested in an isolated network, and committed", async () => {
    const { script } = served.api;
    script.plans = [plan(["TestFailover", "Commit"])];
    const page = await served.open();
    await page.getByRole("button", { name: "Test failover… of offices" }).click();
    await page.getByRole("button", { name: "Build the copies" }).click();
    await expect
      .poll(last)
      .toMatchObject({ path: `${planId("offices")}/testFailover`, body: { properties: {} } });
    expect(JSON.stringify(last())).not.toContain("networkId");
    await page.getByRole("button", { name: "Commit… of offices" }).click();
    await page.getByRole("button", { name: "Commit them" }).click();
    await expect.poll(last).toMatchObject({ path: `${planId("offices")}/failoverCommit` });
    await page.close();
  });

  test("wait for a person, who has them go on", async () => {
    const { script } = served.api;
    const { properties, ...rest } = job("Failover");
    const waiting = { ...properties, targetObjectName: "offices", allowedActions: ["Resume"] };
    script.jobs = [{ ...rest, id: jobId("job-1"), properties: waiting }];
    script.plans = [
      plan([], {
        currentScenario: { scenarioName: "F", jobId: jobId("job-1"), startTime: "2026-11-22T00:00:00Z" },
      }),
    ];
    const page = await served.open();
    const card = page.getByRole("article", { name: "offices" });
    await card.getByText("Step 2: Build the disks.").waitFor();
    await served.picture(page, "plan-waits");
    await card.getByRole("button", { name: "It is done: go on with offices" }).press("Enter");
    await page.getByText("offices goes on.").waitFor();
    expect(last()).toEqual({ method: "POST", path: `${jobId("job-1")}/resume`, body: { properties: {} } });
    script.jobs = [];
    await page.close();
  });
});
