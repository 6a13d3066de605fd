import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { present } from "./browser.ts";
import { groupId, itemId } from "./fake-api.ts";
import { iso, protectedItem } from "./fixtures.ts";
import { Served } from "./served.ts";

const MEMBERS = [{ machine: "ledger-00000001" }, { machine: "gone-00000002" }];

describe.skipIf(!present)("groups in the portal", () => {
  const served = new Served();

  test("show their members, their common points, and why the newest barrier became none", async () => {
    served.api.script.items = [protectedItem()];
    served.api.script.groups = [
      {
        id: groupId("Offices"),
        name: "Offices",
        properties: {
          memberCount: 2,
          members: MEMBERS,
          latestPoint: { id: "p", time: iso(90), consistency: "crash" },
          missed: { time: iso(10), message: "gone-00000002: nothing was heard of its barrier" },
        },
      },
    ];
    served.api.script.commonPoints = [
      {
        name: "p",
        properties: {
          recoveryPointTime: iso(90),
          recoveryPointType: "AppConsistent",
          state: "incomplete",
          memberCount: 2,
          members: MEMBERS,
        },
      },
    ];
    const page = await served.open();
    const card = page.getByRole("article", { name: "Offices" });
    await card.getByText("1 common point").click();
    await card.getByText("not kept by every member any more").waitFor();
    const words = await card.innerText();
    expect(words).toMatch(/2 members: .*gone-00000002; newest common point/);
    expect(words).toContain("became no point: gone-00000002: nothing was heard of its barrier");
    expect(words).toContain("application");
  });

  const group = (name: string, memberCount: number) => ({
    id: groupId(name),
    name,
    properties: { memberCount, members: MEMBERS.slice(0, memberCount), latestPoint: null, missed: null },
  });

  test("are made, joined, left and deleted with the keyboard alone", async () => {
    const { script } = served.api;
    script.items = [protectedItem({ group: null })];
    script.groups = [];
    script.commonPoints = [];
    const page = await served.open();
    const press = async (button: string) => {
      await page.getByRole("button", { name: button }).focus();
      await page.keyboard.press("Enter");
    };
    const dialogOf = (name: string) => page.getByRole("dialog", { name });
    const see = (text: string) => page.getByText(text).first().waitFor();

    await press("New group…");
    await dialogOf("New group").waitFor();
    await picture(page, "new-group");
    // The first field has the focus.
    await page.keyboard.type("Offices");
    await page.keyboard.press("Enter");
    await see("The group Offices was made.");

    script.groups = [group("Offices", 0), group("Shops", 2)];
    await page
      .getByRole("article", { name: "Offices" })
      .getByText("0 members; no common point yet.")
      .waitFor();
    await press("Add to a group… ledger");
    await dialogOf("Add ledger to a group").waitFor();
    await page.getByLabel("Group", { exact: true }).focus();
    await page.keyboard.press("ArrowDown");
    await picture(page, "join");
    await page.getByRole("button", { name: "Add ledger", exact: true }).press("Enter");
    await see("ledger belongs to Shops now.");

    script.items = [protectedItem({ group: { id: groupId("Shops"), name: "Shops" } })];
    await press("Leave Shops… ledger");
    await dialogOf("Take ledger out of Shops?").waitFor();
    await page.keyboard.press("Escape");
    await dialogOf("Take ledger out of Shops?").waitFor({ state: "hidden" });
    await press("Leave Shops… ledger");
    await page.getByRole("button", { name: "Leave Shops", exact: true }).press("Enter");
    await see("ledger has left Shops.");

    expect(await page.getByRole("button", { name: "Delete… Shops" }).isDisabled()).toBe(true);
    await press("Delete… Offices");
    await page.getByText("It has no common points. Nothing of any machine changes.").waitFor();
    await page.getByRole("button", { name: "Delete Offices", exact: true }).press("Enter");
    await see("The group Offices was deleted.");
    await picture(page, "groups");

    expect(script.received.splice(0)).toEqual([
      {
        method: "PUT",
        path: groupId("Offices"),
        body: { properties: { settings: { interval: 300_000, hold: 100 } } },
      },
      {
        method: "POST",
        path: `${itemId("ledger")}/joinGroup`,
        body: { properties: { multiVmGroupName: "Shops" } },
      },
      { method: "POST", path: `${itemId("ledger")}/leaveGroup`, body: {} },
      { method: "DELETE", path: groupId("Offices"), body: undefined },
    ]);
  });

  test("that a machine may not join are said so, with what to do, and a name that cannot be is not sent", async () => {
    const { script } = served.api;
    script.items = [protectedItem({ group: null })];
    script.groups = [];
    const page = await served.open();
    await page.getByRole("button", { name: "Add to a group… ledger" }).click();
    const name = page.getByLabel("Its name");
    await name.fill("a/b");
    await page.getByRole("button", { name: "Add ledger", exact: true }).click();
    expect(await name.evaluate((field) => field.matches(":invalid"))).toBe(true);
    expect(script.received).toEqual([]);
    script.refusal = {
      status: 403,
      code: "Forbidden",
      message: "the role Operator is needed",
      remedy: "Ask for it.",
    };
    await name.fill("Offices");
    await page.getByRole("button", { name: "Add ledger", exact: true }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("Forbidden: the role Operator is needed").waitFor();
    expect(await alert.innerText()).toContain("Ask for it.");
    delete script.refusal;
    script.received.splice(0);
  });

  test("of many machines name the first and count the rest", async () => {
    const { script } = served.api;
    script.items = [protectedItem()];
    const members = Array.from({ length: 100 }, (_, n) => ({ machine: `web-${String(n).padStart(8, "0")}` }));
    const properties = { memberCount: 10_000, members, latestPoint: null, missed: null };
    script.groups = [{ id: groupId("Many"), name: "Many", properties }];
    const page = await served.open();
    const card = page.getByRole("article", { name: "Many" });
    const words = card.getByText(/10,?000 members: web-00000000, .*web-00000019, and 9980 more/);
    await words.waitFor();
    expect(await words.count()).toBe(1);
  });
});

/** To be looked at: `SCREENSHOTS=/tmp vitest run …`. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
