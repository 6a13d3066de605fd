import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type BuildOptions, build } from "esbuild";

const ROOT = import.meta.dirname;

/** Libraries in the bundle are CommonJS, and ask for what an ES module does not have. */
const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __bundleFile = import.meta.filename;",
  "const __bundleFolder = import.meta.dirname;",
].join("\n");

const ONE_FILE = {
  bundle: true,
  platform: "node",
  target: "node22",
  format: "esm",
  banner: { js: BANNER },
  // Not declared under their own names: some libraries declare those themselves.
  define: { __filename: "__bundleFile", __dirname: "__bundleFolder" },
  // The same bytes wherever the repository lies, and its libraries.
  absWorkingDir: ROOT,
  preserveSymlinks: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/**
 * One file that a Functions host loads with nothing beside it: package.json's `main`. The worker injects
 * "@azure/functions-core" when the code asks for it.
 */
export async function bundle({ entry, outfile }: { entry: string; outfile: string }): Promise<void> {
  await build({
    ...ONE_FILE,
    entryPoints: [entry],
    outfile,
    external: ["@azure/functions-core"],
    sourcemap: true,
  });
}

const PARTS = path.join(ROOT, "agent/package");
const LISTED = ["install.sh", "leeward-agent.mjs", "leeward-agent.service", "leeward-disk@.service"];

/**
 * The agent's package: the agent as one file, its units, the script that installs it, and their SHA-256. The same sources
 * make the same bytes. Names keep their sense, since a stack is all that a machine can send home.
 */
export async function packageAgent(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    ...ONE_FILE,
    entryPoints: [path.join(ROOT, "agent/main.ts")],
    outfile: path.join(folder, "leeward-agent.mjs"),
    minifyWhitespace: true,
    minifySyntax: true,
  });
  for (const part of await readdir(PARTS)) await copyFile(path.join(PARTS, part), path.join(folder, part));
  const sums = await checksums(folder);
  await writeFile(path.join(folder, "SHA256SUMS"), sums);
  const cloudInit = await readFile(path.join(PARTS, "cloud-init.yaml"), "utf8");
  const indented = sums.trimEnd().replaceAll("\n", "\n      ");
  await writeFile(path.join(folder, "cloud-init.yaml"), cloudInit.replace("@SHA256SUMS@", indented));
}

/** As `sha256sum` writes them and checks them. */
async function checksums(folder: string): Promise<string> {
  const lines = LISTED.map(async (name) => {
    const digest = createHash("sha256").update(await readFile(path.join(folder, name)));
    return `${digest.digest("hex")}  ${name}\n`;
  });
  return (await Promise.all(lines)).join("");
}

if (import.meta.main) {
  await bundle({
    entry: path.join(ROOT, "functions/main.ts"),
    outfile: path.join(ROOT, "dist/main.mjs"),
  });
  await packageAgent(path.join(ROOT, "dist/agent"));
}
