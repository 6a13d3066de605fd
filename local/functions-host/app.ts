import { existsSync, globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { injectCoreApi, registry } from "./core-api.ts";

let loaded: string | undefined;

/**
 * Loads the app as the worker does: package.json `main` (a file or a glob) or the given entry, `import()` for ES modules
 * and `require` otherwise; then the appStart hooks; then registration is closed. Loading the same app again in one process
 * only runs its hooks.
 * @throws LeewardError InvalidSetting when there is nothing to load, when loading fails, or for a second app
 */
export async function loadApp(directory: string, entry?: string): Promise<void> {
  const files = entry ? [path.resolve(directory, entry)] : entriesOf(directory);
  const identity = files.join("\n");
  if (loaded !== undefined && loaded !== identity)
    throw new LeewardError(
      "InvalidSetting",
      `this process has loaded ${loaded}: one Functions app per process`,
    );
  if (loaded === undefined) {
    injectCoreApi();
    loaded = identity;
    for (const file of files) await load(file, directory);
  }
  await runHooks("appStart", { functionAppDirectory: directory });
  const capabilities = await registry.model?.getCapabilities?.({ RpcHttpBodyOnly: "true" });
  if (capabilities?.["HttpUri"] !== undefined)
    throw new LeewardError("HostUnsupported", "the app sets enableHttpStream");
  registry.locked = true;
}

/** Runs the app's own clean-up. */
export const terminateApp = (): Promise<void> => runHooks("appTerminate", {});

const PackageJson = z.object({ main: z.string().optional(), type: z.string().optional() });

function packageOf(directory: string) {
  const file = path.join(directory, "package.json");
  if (!existsSync(file)) throw new LeewardError("InvalidSetting", `${file} does not exist`);
  return PackageJson.parse(JSON.parse(readFileSync(file, "utf8")));
}

function entriesOf(directory: string): string[] {
  const { main = "index.js" } = packageOf(directory);
  const names = existsSync(path.join(directory, main)) ? [main] : globSync(main, { cwd: directory });
  if (names.length === 0)
    throw new LeewardError(
      "InvalidSetting",
      `no file matches "main": "${main}" of ${directory}/package.json`,
    );
  return names.toSorted().map((name) => path.join(directory, name));
}

async function load(file: string, directory: string): Promise<void> {
  const module =
    /\.m[jt]s$/.test(file) || (packageOf(directory).type === "module" && !/\.c[jt]s$/.test(file));
  try {
    if (module) await import(pathToFileURL(file).href);
    else createRequire(path.join(directory, "package.json"))(file);
  } catch (error) {
    throw new LeewardError("InvalidSetting", `cannot load ${file}: ${messageOf(error)}`, error);
  }
}

async function runHooks(name: "appStart" | "appTerminate", context: Record<string, unknown>): Promise<void> {
  for (const hook of registry.hooks.get(name) ?? [])
    await hook({ ...context, hookData: registry.appOnlyHookData, appHookData: registry.appHookData });
}
