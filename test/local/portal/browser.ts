import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const BROWSER = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Whether tests can be run in it; says so when not. */
export const present = existsSync(BROWSER);
if (!present) console.warn(`skipped: no ${BROWSER} (Debian: chromium; or set CHROMIUM)`);

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: BROWSER, args: FLAGS });
