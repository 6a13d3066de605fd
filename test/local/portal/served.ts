import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { launchBrowser } from "./browser.ts";
import { type FakeApi, TOKEN, startFakeApi } from "./fake-api.ts";

/** The portal over an API that says what a test has it say, for all tests of a `describe`. */
export class Served {
  #browser: Browser | undefined;
  #api: FakeApi | undefined;

  constructor() {
    beforeAll(async () => {
      this.#browser = await launchBrowser();
      this.#api = await startFakeApi();
    });
    afterAll(async () => {
      await this.#browser?.close();
      await this.#api?.close();
    });
  }

  get api(): FakeApi {
    if (!this.#api) throw new Error("the API is not up yet");
    return this.#api;
  }

  /** The portal in a page of its own. */
  async open(): Promise<Page> {
    if (!this.#browser) throw new Error("the browser is not up yet");
    const page = await this.#browser.newPage({ viewport: { width: 1000, height: 900 } });
    await page.goto(`${this.api.url}/portal#token=${TOKEN}`);
    return page;
  }

  /** Kept where `PICTURES` names a folder. */
  async picture(page: Page, name: string): Promise<void> {
    const folder = process.env["PICTURES"];
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }
}
