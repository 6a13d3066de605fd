import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { app, type HttpResponseInit } from "@azure/functions";
import { LeewardError } from "../engine/core/errors.ts";
import { answering } from "./http.ts";
import { PLACE } from "./paths.ts";
import { services } from "./services.ts";

/** Beside this file's folder in the repository, and beside the bundle's folder in the package. */
const DIRECTORY = path.join(import.meta.dirname, "..", "portal");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": CONTENT_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

app.http("portal", {
  methods: ["GET"],
  route: "portal/{*file}",
  authLevel: "anonymous",
  handler: (request, context) =>
    answering(request, context, async () => {
      const { pathname } = new URL(request.url);
      // Relative links of the page need the slash.
      if (!pathname.endsWith("/") && !request.params["file"])
        return { status: 308, headers: { location: "/portal/" } };
      if (request.params["file"] === "config.json") return { jsonBody: await config(), headers: HEADERS };
      return serve(request.params["file"] || "index.html");
    }),
});

/** Only what lies in the folder is served, found by comparing names: no path is ever built from a request. */
async function serve(wanted: string): Promise<HttpResponseInit> {
  const file = listFiles().find((name) => name === wanted);
  const type = file && TYPES[path.extname(file)];
  if (!file || !type) throw new LeewardError("NotFound", "the portal has no such file");
  const body = await readFile(path.join(DIRECTORY, file));
  return { body, headers: { ...HEADERS, "content-type": type, "cache-control": "no-cache" } };
}

const listFiles = (): string[] =>
  readdirSync(DIRECTORY, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      path.relative(DIRECTORY, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"),
    );

async function config() {
  const { settings } = await services();
  return {
    subscriptionId: settings.subscription,
    resourceGroup: settings.vaultGroup,
    vault: settings.vault,
    ...PLACE,
    region: settings.region,
  };
}
