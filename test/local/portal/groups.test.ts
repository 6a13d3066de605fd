import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser, present } from "./browser.ts";
import { type FakeApi, TOKEN, groupId, startFakeApi } from "./fake-api.ts";
import { iso, protectedItem } from "./fixtures.ts";

const MEMBERS = [{ machine: "ledger-00000001" }, { machine: "gone-00000002" }];

describe.skipIf(!present)("groups in the portal", () => {
  let browser: Browser;
  let api: FakeApi;
  beforeAll(async () => {
    browser = await launchBrowser();
    api = await startFakeApi();
  });
  afterAll(async () => {
    await browser.close();
    await api.close();
  });

  test("show their members, their common points, and why the newest barrier became none", async () => {
    api.script.items = [protectedItem()];
    api.script.groups = [
      {
        id: groupId("Offices"),
        name: "Offices",
        properties: {
          members: MEMBERS,
          latestPoint: { id: "p", time: iso(90), consistency: "crash" },
          missed: { time: iso(10), message: "gone-00000002: nothing was heard of its barrier" },
        },
      },
    ];
    api.script.commonPoints = [
      {
        name: "p",
        properties: {
          recoveryPointTime: iso(90),
          recoveryPointType: "AppConsistent",
          state: "incomplete",
          members: MEMBERS,
        },
      },
    ];
    const page = await browser.newPage();
    await page.goto(`${api.url}/portal#token=${TOKEN}`);
    const card = page.getByRole("article", { name: "Offices" });
    await card.getByText("1 common point").click();
    await card.getByText("not kept by every member any more").waitFor();
    const words = await card.innerText();
    expect(words).toMatch(/2 members: .*gone-00000002; newest common point/);
    expect(words).toContain("became no point: gone-00000002: nothing was heard of its barrier");
    expect(words).toContain("application");
  });
});
