import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { launchBrowser, present } from "../portal/browser.ts";
import { Fixture } from "./fixture.ts";
import { changing } from "../../functions-host/app/changing.ts";

const host = new Fixture(systemClock);
beforeAll(() => host.open());
afterAll(() => host.close());

const keyed = (target: string, key = host.host.keys.durable) =>
  host.fetch(`/admin/durable/${target}`, { headers: { "x-functions-key": key } });

interface List {
  instances: { id: string }[];
  next: string | null;
  counts: { name: string; status: string; count: number }[];
}

async function list(query: string): Promise<List> {
  const page: List = JSON.parse(await (await keyed(`instances?${query}`)).text());
  return page;
}

test("what the page asks for needs the durable or the master key", async () => {
  const { keys } = host.host;
  expect((await host.fetch("/admin/durable/instances")).status).toBe(401);
  expect((await keyed("instances", keys.function)).status).toBe(401);
  expect((await keyed("instances", keys.durable)).status).toBe(200);
  expect((await keyed("instances", keys.master)).status).toBe(200);
});

test("the page's own files need none, come with a policy, and are all there is", async () => {
  const names = ["app", "top", "list", "entities", "timeline", "format", "dom"].map((name) => `${name}.js`);
  for (const file of ["", ...names, "base.css", "style.css"])
    expect((await host.fetch(`/admin/durable/${file}`)).status).toBe(200);
  const page = await host.fetch("/admin/durable/");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  for (const file of ["index.ts", "..%2Fkeys.ts", "../keys.ts", "app.js/x"])
    expect((await host.fetch(`/admin/durable/${file}`)).status).toBe(404);
  const without = await host.fetch("/admin/durable", { redirect: "manual" });
  expect([without.status, without.headers.get("location")]).toEqual([308, "/admin/durable/"]);
});

test("the list comes in pages, the newest first, each instance once", async () => {
  for (let n = 0; n < 7; n++) await host.begin("chain", { steps: 1 }, `paged-${n}`);
  const found: string[] = [];
  let next: string | null = "";
  while (next !== null) {
    const page: List = await list(`prefix=paged-&top=3&after=${next}`.replace(/&after=$/, ""));
    found.push(...page.instances.map(({ id }) => id));
    next = page.next;
  }
  expect(found).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => `paged-${n}`));
});

test("it is filtered by status, name, id and time, and counts all there are", async () => {
  const before = Date.now();
  await host.begin("uncaught", undefined, "filter-failed");
  await host.begin("chain", { steps: 1 }, "filter-done");
  const ids = async (query: string) => (await list(query)).instances.map(({ id }) => id);
  expect(await ids("status=Failed&prefix=filter")).toEqual(["filter-failed"]);
  expect(await ids("name=chain&prefix=filter")).toEqual(["filter-done"]);
  expect(await ids(`to=${before - 60_000}`)).toEqual([]);
  expect(await ids(`from=${before}&status=Completed,Failed&prefix=filter`)).toHaveLength(2);
  expect((await list("")).counts).toContainEqual({ name: "uncaught", status: "Failed", count: 1 });
});

test("a filter or a continuation that is none is named", async () => {
  const answer = await keyed("instances?status=Broken");
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("status")]);
  expect((await keyed("instances?after=nonsense")).status).toBe(400);
  expect((await keyed("instances/nobody")).status).toBe(404);
});

test("an instance that did not change is not sent again", async () => {
  const id = await host.begin("waits", {});
  const first = await keyed(`instances/${id}`);
  const headers = {
    "x-functions-key": host.host.keys.durable,
    "if-none-match": first.headers.get("etag") ?? "",
  };
  expect((await host.fetch(`/admin/durable/instances/${id}`, { headers })).status).toBe(304);
  await host.raise(id, "first", 1);
  expect((await host.fetch(`/admin/durable/instances/${id}`, { headers })).status).toBe(200);
});

async function signal(key: string, by: number): Promise<void> {
  const headers = { "content-type": "application/json" };
  await host.manage(`entities/counter/${key}?op=add`, { method: "POST", headers, body: String(by) });
  await host.host.idle();
}

test("entities come in pages with what they hold, each once, and are counted by name", async () => {
  for (const key of ["p1", "p2", "p3"]) await signal(key, 7);
  const read = async (query: string) => {
    const page: { entities: { key: string }[]; names: unknown[]; next: string | null } = JSON.parse(
      await (await keyed(`entities?${query}`)).text(),
    );
    return page;
  };
  const first = await read("name=counter&top=2");
  expect(first.entities[0]).toMatchObject({ name: "counter", state: { text: '{"value":7}', length: 11 } });
  expect(first.names).toContainEqual({ name: "counter", count: 3 });
  const second = await read(`name=counter&top=2&after=${encodeURIComponent(first.next ?? "")}`);
  expect([...first.entities, ...second.entities].map(({ key }) => key)).toEqual(["p1", "p2", "p3"]);
  expect(second.next).toBe(null);
  expect((await read("name=nothing")).entities).toEqual([]);
  expect((await keyed("entities?top=none")).status).toBe(400);
  expect((await host.fetch("/admin/durable/entities")).status).toBe(401);
});

describe.skipIf(!present)("in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  async function open(route = "", scheme: "light" | "dark" = "light"): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, colorScheme: scheme });
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(`${host.host.url}/admin/durable/#key=${host.host.keys.durable}`);
    await page.getByRole("button", { name: /^Completed/ }).waitFor();
    if (route) await page.goto(`${host.host.url}/admin/durable/#/${route}`);
    return page;
  }
  const errors: string[] = [];
  afterEach(() => {
    if (errors.length > 0) throw new Error(`the page said: ${errors.splice(0).join("\n")}`);
  });

  test("the key leaves the address at once; without one the page asks for it", async () => {
    const page = await open();
    expect(page.url()).not.toContain(host.host.keys.durable);
    const stranger = await browser.newPage();
    await stranger.goto(`${host.host.url}/admin/durable/`);
    await stranger.getByLabel("Key").fill(host.host.keys.master);
    await stranger.keyboard.press("Enter");
    await stranger.getByRole("table").waitFor();
  });

  test("the list is live, and a click on a status or a typed prefix narrows it", async () => {
    const page = await open();
    const row = (id: string) => page.getByRole("link", { name: id, exact: true });
    await host.begin("chain", { steps: 2 }, "appears");
    await row("appears").waitFor();
    await host.begin("uncaught", undefined, "breaks");
    await page.getByRole("button", { name: /^Failed/ }).click();
    await row("breaks").waitFor();
    await row("appears").waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^Failed/ }).click();
    await page.keyboard.press("/");
    await page.keyboard.type("appea");
    await row("breaks").waitFor({ state: "detached" });
    await row("appears").waitFor();
    expect(page.url()).toContain("prefix=appea");
  });

  test("one's history is a timeline that goes on while one looks, down to why it failed", async () => {
    await host.manage("orchestrators/moveShop/move", {
      method: "POST",
      body: '{"shop":"ledger","millis":150}',
    });
    const page = await open("instance/move");
    const row = (text: string) => page.locator("summary.line", { hasText: text });
    await row("timer")
      .getByText(/fires in 59 min/)
      .waitFor();
    await page.getByRole("heading", { name: /moveShop.*Running/ }).waitFor();
    await host.manage("instances/move/raiseEvent/approved", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"by":"ada"}',
    });
    await page.getByRole("heading", { name: "Why it failed" }).waitFor();
    await page.getByText(/Orchestrator function 'moveShop' failed.*the address 10.0.0.4 is taken/s).waitFor();
    await row("timer").getByText("cancelled").first().waitFor();
    await row("failFirst").getByText("× 3").waitFor();
    await row("failFirst").click();
    await page.getByText("failure 2 of lock of move").first().waitFor();
    await row("approved").click();
    await page.getByText('"by": "ada"').waitFor();
    const failedBar = row("fail,").locator("i.failed");
    expect(await failedBar.count()).toBe(1);
  });

  test("sub-orchestrations and parents are linked", async () => {
    await host.begin("parent", { steps: 2 }, "family");
    const page = await open("instance/family");
    await page.locator("summary.line", { hasText: "chain" }).last().click();
    await page.getByRole("link", { name: "family-child" }).click();
    await page.getByText("Started by").waitFor();
    await page.getByRole("link", { name: "family", exact: true }).click();
    await page.getByRole("heading", { name: /^parent/ }).waitFor();
    expect(page.url()).toMatch(/#\/instance\/family$/);
  });

  test("code that was changed under an instance is told as that", async () => {
    changing.steps = ["echo"];
    const id = await host.begin("changing", undefined, "changed");
    changing.steps = ["timer"];
    await host.raise(id, "go", 1);
    const page = await open("instance/changed");
    await page.getByRole("heading", { name: "The code does not fit the history" }).waitFor();
    expect(await page.getByRole("alert").innerText()).toMatch(
      /history event 2 asked for activity 'echo' \(task 0\), the code now asks for timer/,
    );
  });

  test("the keyboard alone goes from the list into an instance, its rows, and back", async () => {
    await host.begin("chain", { steps: 3 }, "keyboard");
    const page = await open("?prefix=keyboard");
    await page.getByRole("link", { name: "keyboard", exact: true }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^chain/ }).waitFor();
    await page.locator("summary.line", { hasText: "add" }).first().waitFor();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    await page.getByText("activity · task 0 · done").waitFor();
    await page.keyboard.press("t");
    await page.getByRole("button", { name: "Steps", pressed: true }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "keyboard", exact: true }).waitFor();
    expect(page.url()).toContain("prefix=keyboard");
  });

  test("what entities hold is shown and goes on while one looks", async () => {
    await signal("shown", 41);
    const page = await open();
    await page.getByRole("link", { name: "Entities" }).click();
    const row = page.getByRole("row", { name: /counter shown/ });
    await row.getByText('{"value":41}').waitFor();
    await signal("shown", 1);
    await row.getByText('{"value":42}').waitFor();
    await page.getByRole("button", { name: /^counter/ }).click();
    expect(page.url()).toMatch(/#\/entities\?name=counter$/);
    await page.getByRole("link", { name: "Orchestrations" }).click();
    await page.getByRole("button", { name: /^Completed/ }).waitFor();
  });

  test("the whole history can be downloaded", async () => {
    await host.begin("chain", { steps: 1 }, "saved");
    const page = await open("instance/saved");
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the history" }).click();
    expect((await saved).suggestedFilename()).toBe("saved.history.json");
  });

  test("what an orchestration holds is text and never markup", async () => {
    await host.begin("withClient", "<img src=x onerror=alert(1)>", "markup<b>");
    const page = await open("?prefix=markup");
    await page.getByRole("link", { name: "markup<b>" }).click();
    await page.locator("summary.line", { hasText: "Input" }).click();
    await page.locator("pre", { hasText: "<img src=x onerror=alert(1)>" }).first().waitFor();
    expect(await page.locator("img").count()).toBe(0);
  });

  test("dark where the person wants it dark", async () => {
    const shade = async (scheme: "light" | "dark") => {
      const page = await open("", scheme);
      return page.evaluate("getComputedStyle(document.body).backgroundColor");
    };
    expect(await shade("dark")).not.toBe(await shade("light"));
  });
});
