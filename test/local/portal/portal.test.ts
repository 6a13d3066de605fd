import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launchBrowser, present } from "./browser.ts";
import { type FakeApi, type Script, TOKEN, itemId, startFakeApi, vmId } from "./fake-api.ts";
import { BUILD, LOST, POINTS, agent, iso, item, job, losses, machine, protectedItem } from "./fixtures.ts";

/** Set to keep pictures of the page. */
const PICTURES = process.env["PICTURES"];

const MIB = 1024 * 1024;

describe.skipIf(!present)("the portal in a browser", () => {
  let browser: Browser;
  let api: FakeApi;
  let script: Script;
  let page: Page;
  let complaints: string[];
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    api = await startFakeApi();
    script = api.script;
    page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    complaints = [];
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // The browser itself reports every answer that is no success; those are the subject of some tests.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(api.url) && !request.url().startsWith("data:"))
        complaints.push(request.url());
    });
  });
  afterEach(async () => {
    await page.close();
    await api.close();
    if (complaints.length > 0) throw new Error(`the page is not quiet: ${complaints.join("\n")}`);
  });

  const open = () => page.goto(`${api.url}/portal#token=${TOKEN}`);
  const see = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const picture = async (name: string) => {
    if (!PICTURES) return;
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
  };

  test("takes the token from the address and out of it", async () => {
    script.machines = [machine("ledger")];
    await open();
    await see("ledger");
    expect(page.url()).toBe(`${api.url}/portal`);
    await page.reload();
    await see("ledger");
  });

  test("asks for a token without one, and again when it is refused", async () => {
    await page.goto(`${api.url}/portal`);
    await page.getByLabel("Token").fill("wrong");
    await picture("sign-in");
    await page.getByRole("button", { name: "Sign in" }).click();
    await see("Unauthorized: the token has expired");
    await page.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await see("No machine is protected yet.");
    expect(await page.getByLabel("Token").count()).toBe(0);
  });

  test("enables a machine by keyboard, with the body that the API wants", async () => {
    script.machines = [machine("ledger"), machine("web", "westeurope", itemId("web"))];
    await open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).focus();
    expect(await page.getByRole("button", { name: "Enable protection of web" }).count()).toBe(0);
    await page.keyboard.press("Enter");
    const group = page.getByLabel(/Resource group in northeurope/);
    expect(await group.inputValue()).toBe("shop-northeurope");
    await group.fill("rescued");
    await page.getByLabel(/Keep replica disks warm/).uncheck();
    await picture("enable");
    await group.press("Enter");
    await see("Protection of ledger was started.");
    expect(script.received).toEqual([
      {
        method: "PUT",
        path: itemId("ledger"),
        body: {
          properties: {
            providerSpecificDetails: {
              instanceType: "A2A",
              fabricObjectId: vmId("ledger"),
              recoveryResourceGroupId: "/subscriptions/sub-1/resourceGroups/rescued",
            },
            leeward: { policy: { replica: "none" } },
          },
        },
      },
    ]);
  });

  test("shows the first copy as it goes", async () => {
    const progress = {
      phase: "initial-copy",
      done: 100 * MIB,
      total: 400 * MIB,
      rate: 20 * MIB,
      etaSeconds: 15,
      percentComplete: 40,
      steps: [],
    };
    script.items = [item({ state: "InitialReplication", progress, losses })];
    await open();
    await see("First copy under way");
    await see("100 MiB of 400 MiB · 20.0 MiB/s · about 15 s left");
    const bar = page.getByRole("progressbar", { name: "initial copy of ledger" });
    expect(await bar.getAttribute("value")).toBe(String(100 * MIB));
    await see("there is no recovery point yet");
    await picture("copying");
    script.items = [item({ state: "InitialReplication", progress: { ...progress, done: 300 * MIB } })];
    await see("75 %");
    script.items = [
      item({ state: "Enabling", progress: { ...progress, phase: "Create what is missing", total: 0 } }),
    ];
    await see("Create what is missing");
    await see("40 %");
  });

  test("shows both losses live, each explained, and keeps focus and opened parts meanwhile", async () => {
    script.items = [protectedItem()];
    script.points = POINTS;
    script.jobs = [job("Failover")];
    await open();
    await see("1.2 s");
    await see("4.6 s");
    await see("34 writes, 5.0 MiB");
    await see("If its whole region were lost now: the writes that have not arrived in northeurope yet.");
    await page.getByText("2 recovery points").click();
    await see("crash");
    await page.getByText("1 of 2 steps done").click();
    await see("Build the disks");
    const button = page.getByRole("button", { name: "Fail over… ledger" });
    await button.focus();
    await picture("protected");
    script.items = [protectedItem({ losses: { ...losses, vm: { seconds: 2.34, bytes: 1, writes: 1 } } })];
    await see("2.3 s");
    await see("1 write, 1 byte");
    expect(await button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect(await page.getByText("Build the disks").isVisible()).toBe(true);
  });

  test("fails over only after it named machine, point and loss", async () => {
    script.items = [protectedItem()];
    script.points = POINTS;
    await open();
    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Fail over ledger?" });
    await dialog
      .getByText(
        /everything that ledger wrote after .*: 100 writes so far, 34 writes \(5\.0 MiB\) of them not yet in northeurope/,
      )
      .waitFor();
    await picture("failover");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(script.received).toEqual([]);

    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    await dialog.getByLabel("Recovery point").selectOption(POINTS[0]?.name ?? "");
    await dialog.getByText(/1,000 writes so far/).waitFor();
    await dialog.getByRole("button", { name: "Fail over ledger now" }).click();
    await see("The failover of ledger was started.");
    expect(script.received).toEqual([
      {
        method: "POST",
        path: `${itemId("ledger")}/unplannedFailover`,
        body: {
          properties: {
            failoverDirection: "PrimaryToRecovery",
            sourceSiteOperations: "NotRequired",
            providerSpecificDetails: { instanceType: "A2A", recoveryPointId: POINTS[0]?.name },
          },
        },
      },
    ]);
  });

  test("fails over to any instant without a point", async () => {
    script.items = [protectedItem()];
    script.points = POINTS;
    await open();
    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    await page.getByLabel("Recovery point").selectOption("No point: the newest write that has arrived");
    await see(/what has not arrived in northeurope .* 34 writes \(5\.0 MiB\)/);
    await page.getByLabel("Recovery point").selectOption("No point: any instant");
    await page.getByLabel(/Every write up to this/).fill("2026-11-21T20:15:03.250Z");
    await page.getByRole("button", { name: "Fail over ledger now" }).click();
    await expect.poll(() => JSON.stringify(script.received)).toContain('"at":"2026-11-21T20:15:03.250Z"');
  });

  test("says what is proved, names what is not, and fails over to the newest that was verified", async () => {
    const coverage = { fraction: 0.25, since: iso(100), wholeTime: iso(600) };
    const verified = { verifiedPoint: POINTS[0]?.name ?? null, verifiedTime: iso(65), coverage };
    const verification = { ...verified, replica: verified, requestedTime: null, bad: [], resync: null };
    script.items = [protectedItem({ verification })];
    const [old, newest] = POINTS.map(({ properties, ...rest }, n) => ({
      ...rest,
      properties: { ...properties, leeward: { ...properties.leeward, verified: n === 0 || "bad" } },
    }));
    script.points = [newest, old];
    await open();
    await see(
      /Proof: verified up to .*, every block read 10 min \d+ s ago, 25 % of this round, replica verified/,
    );
    await page.getByText("2 recovery points").click();
    await page.getByRole("row", { name: /verified/ }).waitFor();
    await page.getByRole("row", { name: /bad/ }).waitFor();
    await picture("verified");
    await page.getByRole("button", { name: "Fail over… ledger" }).click();
    const dialog = page.getByRole("dialog", { name: "Fail over ledger?" });
    expect(await dialog.getByRole("option", { name: /bad/ }).isDisabled()).toBe(true);
    await dialog.getByText(/1,000 writes so far/).waitFor();
    await dialog.getByLabel("Recovery point").selectOption("The newest that was verified");
    await dialog.getByRole("button", { name: "Fail over ledger now" }).click();
    await see("The failover of ledger was started.");
    expect(script.received).toMatchObject([
      { body: { properties: { leeward: { recoveryPointType: "LatestVerified" } } } },
    ]);
    expect(JSON.stringify(script.received)).not.toContain("recoveryPointId");
  });

  test("shows a failover and what it cost", async () => {
    const steps = [
      { name: "Choose the point", state: "Succeeded" as const, startTime: iso(20), endTime: iso(19) },
      { name: "Build the disks", state: "Succeeded" as const, startTime: iso(19), endTime: iso(12) },
    ];
    const announced = {
      after: 1,
      seconds: 7.5,
      writes: 321,
      bytes: 3 * MIB,
      knownSequence: 1,
      knownUntil: 1,
    };
    const failover = {
      operation: "o",
      point: "p",
      pointTime: iso(30),
      consistency: "crash",
      ...LOST,
      road: "import" as const,
      startTime: iso(20),
      endTime: iso(11),
      announced,
      rtoSeconds: 9.4,
      passedOver: [{ point: "p", code: "ManifestDamaged", message: "not JSON" }],
      steps,
      targetVmId: vmId("ledger"),
      build: BUILD,
    };
    script.items = [item({ state: "UnplannedFailoverCommitPending", failover })];
    script.points = POINTS;
    await open();
    await see("Failed over");
    await see(/7\.5 s: 321 writes \(3\.0 MiB\)/);
    await see("9.4 s, up in northeurope");
    await see("front: 10.0.0.4, since 10.0.0.9 is taken in net");
    await see("running, VM agent Ready");
    await see("1 newer point that cannot be read");
    await see("345 writes lost (2.0 MiB) in 7 ranges of the disks: all that it recorded");
    await see("done, 7.0 s");
    expect(await page.getByRole("button", { name: /Fail over/ }).count()).toBe(0);
    await picture("failed-over");
  });

  test("says why a request was refused and what to do", async () => {
    script.machines = [machine("ledger")];
    script.refusal = { status: 409, code: "Conflict", message: "a job is at work", remedy: "Wait for it." };
    await open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    await page.getByRole("button", { name: "Enable protection", exact: true }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("Nothing was started. Conflict: a job is at work").waitFor();
    await alert.getByText("Wait for it.").waitFor();
    await alert.getByRole("button", { name: "Dismiss" }).click();
    expect(await alert.count()).toBe(0);
    script.refusal = { status: 500, code: "Unexpected", message: "it broke", remedy: "Look." };
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    await page.getByRole("button", { name: "Enable protection", exact: true }).click();
    await alert.getByText(/not known: see Jobs before you try again/).waitFor();
  });

  test("says when the source was last heard of, and what the app makes of its silence", async () => {
    script.items = [protectedItem({ agent: agent(1) })];
    script.points = POINTS;
    await open();
    await see(/Agent 0\.1\.0: streaming, heard \d\.\d s ago, 3\.0 MiB waiting for the cache\./);
    const silence = {
      errorCode: "AgentSilent",
      errorLevel: "Error",
      errorCategory: "Replication",
      summaryMessage: "the agent has been silent for 40 s",
      errorMessage: "the agent has been silent for 40 s",
      recommendedAction: "See whether it runs.",
      creationTimeUtc: iso(40),
    };
    const silent = protectedItem({ agent: agent(40) });
    script.items = [{ ...silent, properties: { ...silent.properties, healthErrors: [silence] } }];
    await see("the agent has been silent for 40 s");
    await see("See whether it runs.");
    expect(await page.getByText(/heard 4\d s ago/).count()).toBe(1);
    await picture("silent");
  });

  test("keeps showing what it knows when the app fails or is gone, says how old it is, and recovers", async () => {
    script.items = [protectedItem()];
    script.points = POINTS;
    await open();
    await see("4.6 s");
    script.outage = {
      status: 503,
      code: "StorageUnavailable",
      message: "the table did not answer",
      remedy: "Wait.",
    };
    await see("the table did not answer");
    await see(/What you see is from .* ago, and may be wrong by now\./);
    await see(/^stale: read/);
    await see("4.6 s");
    await picture("stale");
    delete script.outage;
    await see("live");
    expect(await page.getByRole("alert").count()).toBe(0);
    const block = (route: { abort(): Promise<void> }) => route.abort();
    await page.route("**/subscriptions/**", block);
    await see("The control plane cannot be reached.");
    await page.unroute("**/subscriptions/**", block);
    await see("live");
  });

  test("shows the rest when Azure itself does not answer", async () => {
    script.items = [protectedItem()];
    script.points = POINTS;
    script.noAzure = { status: 503, code: "ArmUnavailable", message: "Azure is away", remedy: "Wait." };
    await open();
    await see("Azure could not be asked for its machines: Azure is away");
    await see("4.6 s");
    expect(await page.getByRole("button", { name: "Fail over… ledger" }).count()).toBe(1);
    expect(await page.getByText("live", { exact: true }).count()).toBe(1);
  });

  test("treats everything that the API says as text", async () => {
    const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    script.machines = [machine(evil, evil)];
    const error = {
      errorId: evil,
      entityId: evil,
      errorSource: evil,
      errorType: evil,
      possibleCauses: evil,
      recoveryProviderErrorMessage: null,
      customerResolvability: "NotAllowed" as const,
      innerHealthErrors: [],
      errorCode: evil,
      errorLevel: "Error",
      errorCategory: "Replication",
      summaryMessage: evil,
      errorMessage: evil,
      recommendedAction: evil,
      creationTimeUtc: iso(1),
    };
    script.items = [item({ state: evil }, [], [error])];
    script.jobs = [job(evil)];
    await open();
    await see(evil);
    expect(await page.title()).toBe("Leeward");
    expect(await page.locator("img, main script").count()).toBe(0);
  });

  test("fits a telephone, in the dark", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: "dark" });
    script.items = [protectedItem()];
    script.points = POINTS;
    script.jobs = [job("Failover")];
    script.machines = [machine("ledger")];
    await open();
    await page.getByText("2 recovery points").click();
    await picture("telephone");
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    expect(wide).toBe(360);
  });
});
