import { describe, expect, test } from "vitest";
import type { LeewardItem } from "../../../engine/contract/protected-item.ts";
import { present } from "./browser.ts";
import { itemId } from "./fake-api.ts";
import { POINTS, iso, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/shop-recovery/providers";
const made: NonNullable<LeewardItem["test"]> = {
  state: "ready",
  operation: "job-1",
  drill: false,
  network: "isolated",
  networkId: `${GROUP}/Microsoft.Network/virtualNetworks/ledger-test`,
  vmId: `${GROUP}/Microsoft.Compute/virtualMachines/ledger-test`,
  point: "11111111-1111-4111-8111-111111111111",
  pointTime: iso(70),
  write: null,
  consistency: "crash",
  road: "import",
  startTime: iso(60),
  endTime: iso(18),
  rtoSeconds: 42,
  passedOver: [],
  progress: null,
  failure: null,
  build: {
    size: "Standard_D4s_v5",
    alternatives: [],
    notes: [],
    nics: [],
    boot: { power: "running", agent: "Ready", console: ["login:"], consoleMissing: null },
  },
};
const former = {
  operation: "job-1",
  point: "11111111-1111-4111-8111-111111111111",
  pointTime: iso(7000),
  road: "import" as const,
  startTime: iso(6900),
  rtoSeconds: 42,
  cleanedTime: iso(6000),
  comments: "all orders were there",
};

describe.skipIf(!present)("test failovers in the portal", () => {
  const served = new Served();
  const sent = () => served.api.script.received.filter(({ method }) => method === "POST").at(-1);

  test("are begun with a point and a network, by the keyboard alone", async () => {
    const { script } = served.api;
    script.items = [protectedItem({}, ["TestFailover"])];
    script.points = POINTS;
    const page = await served.open();
    await page.getByRole("button", { name: "Test failover… ledger" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Test the failover of ledger?" });
    await dialog.getByLabel("Recovery point").selectOption("22222222-2222-4222-8222-222222222222");
    await dialog.getByLabel("Network").selectOption("None: nothing reaches the copy");
    await served.picture(page, "test");
    await dialog.getByRole("button", { name: "Build the copy" }).press("Enter");
    await page.getByText("A test failover of ledger was started.").waitFor();
    expect(sent()).toMatchObject({
      path: `${itemId("ledger")}/testFailover`,
      body: {
        properties: {
          networkType: "NoNetworkAttachAsInput",
          providerSpecificDetails: { recoveryPointId: "22222222-2222-4222-8222-222222222222" },
        },
      },
    });
  });

  test("go to a network of the user's by its id, which must be one", async () => {
    const { script } = served.api;
    script.items = [protectedItem({}, ["TestFailover"])];
    const page = await served.open();
    await page.getByRole("button", { name: "Test failover… ledger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Network", { exact: true }).selectOption("One of mine");
    const field = dialog.getByRole("textbox");
    await field.fill("drills");
    await dialog.getByRole("button", { name: "Build the copy" }).click();
    expect(await field.evaluate((node) => node.matches(":invalid"))).toBe(true);
    await field.fill(made.networkId);
    await dialog.getByRole("button", { name: "Build the copy" }).click();
    await page.getByText("A test failover of ledger was started.").waitFor();
    expect(sent()?.body).toMatchObject({
      properties: { networkType: "VmNetworkAsInput", networkId: made.networkId },
    });
  });

  test("show how long recovery took, and are cleaned up with a comment", async () => {
    const { script } = served.api;
    script.items = [protectedItem({ test: made }, ["TestFailoverCleanup"])];
    const page = await served.open();
    const card = page.getByRole("article", { name: "ledger" });
    await card.getByText("Test failover: it runs").waitFor();
    await card.getByText("running, VM agent Ready").waitFor();
    expect(await card.innerText()).toMatch(/Time to recover\s+42 s/);
    await card.getByRole("button", { name: "Clean up the test… ledger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("all orders were there");
    await served.picture(page, "test-cleanup");
    await dialog.getByRole("button", { name: "Delete the copy" }).click();
    await page.getByText("The clean-up of the test of ledger was started.").waitFor();
    expect(sent()).toMatchObject({
      path: `${itemId("ledger")}/testFailoverCleanup`,
      body: { properties: { comments: "all orders were there" } },
    });
  });

  test("that failed say why, and go on with what they had", async () => {
    const { script } = served.api;
    const failure = {
      code: "ArmFailed",
      message: "no room in the region",
      step: "create the virtual machine",
    };
    script.items = [
      protectedItem({ test: { ...made, state: "failed", rtoSeconds: null, endTime: null, failure } }, [
        "TestFailover",
        "TestFailoverCleanup",
      ]),
    ];
    const page = await served.open();
    await page.getByText("no room in the region").waitFor();
    await page.getByRole("button", { name: "Test failover… ledger" }).click();
    await page.getByRole("button", { name: "Try the test again" }).click();
    await page.getByText("A test failover of ledger was started.").waitFor();
    const body = JSON.stringify(sent()?.body);
    expect(body).not.toContain("networkType");
    expect(body).not.toContain("recoveryPointId");
  });

  test("that the region refused go on with another size", async () => {
    const { script } = served.api;
    const failure = {
      code: "TargetUnfit",
      message: "Standard_D4s_v5 is restricted in northeurope",
      step: "check the target region",
    };
    const build = { ...made.build, alternatives: ["Standard_E4s_v5"], boot: null };
    const failed = { ...made, state: "failed" as const, rtoSeconds: null, endTime: null, failure, build };
    script.items = [protectedItem({ test: failed }, ["TestFailover", "TestFailoverCleanup"])];
    const page = await served.open();
    await page.getByRole("button", { name: "Test failover… ledger" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByLabel("Size of the machine").inputValue()).toBe("Standard_E4s_v5");
    await served.picture(page, "test-again");
    await dialog.getByRole("button", { name: "Try the test again" }).click();
    await page.getByText("A test failover of ledger was started.").waitFor();
    expect(sent()?.body).toMatchObject({ properties: { leeward: { size: "Standard_E4s_v5" } } });
  });

  test("are begun as drills, which say what they came to and when the next is due", async () => {
    const { script } = served.api;
    const last = {
      operation: "job-1",
      startTime: iso(6900),
      state: "Succeeded" as const,
      point: former.point,
      pointTime: former.pointTime,
      road: former.road,
      rtoSeconds: 42,
      failure: null,
      cleanedTime: former.cleanedTime,
    };
    const drill = { everyDays: 30, nextTime: iso(-86_400), last };
    script.items = [protectedItem({ formerTest: former, drill }, ["TestFailover"])];
    script.points = POINTS;
    const page = await served.open();
    await page.getByText(/The drill of .* succeeded: recovered in 42 s\. The next drill is due at/).waitFor();
    expect(await page.getByText("Last test failover").count()).toBe(0);
    await page.getByRole("button", { name: "Drill… ledger" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Drill the failover of ledger?" });
    await dialog.waitFor();
    await served.picture(page, "drill");
    await dialog.getByRole("button", { name: "Begin the drill" }).press("Enter");
    await page.getByText("A drill of ledger was started.").waitFor();
    expect(sent()).toMatchObject({ path: `${itemId("ledger")}/leewardDrill`, body: {} });
    script.items = [protectedItem({ test: { ...made, drill: true } }, ["TestFailoverCleanup"])];
    await page.getByText("Drill: it runs").waitFor();
    await served.picture(page, "drill-runs");
    expect(await page.getByRole("button", { name: "Drill… ledger" }).count()).toBe(0);
  });

  test("leave their figures behind", async () => {
    served.api.script.items = [protectedItem({ formerTest: former }, ["TestFailover"])];
    const page = await served.open();
    await page.getByText(/Last test failover: recovered in 42 s .*all orders were there/).waitFor();
    expect(await page.getByRole("button", { name: /Clean up/ }).count()).toBe(0);
  });
});
