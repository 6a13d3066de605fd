import path from "node:path";
import { build } from "esbuild";

/** Libraries in the bundle are CommonJS, and ask for what an ES module does not have. */
const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __bundleFile = import.meta.filename;",
  "const __bundleFolder = import.meta.dirname;",
].join("\n");

/**
 * One file that a Functions host loads with nothing beside it: package.json's `main`. The worker injects
 * "@azure/functions-core" when the code asks for it.
 */
export async function bundle({ entry, outfile }: { entry: string; outfile: string }): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    banner: { js: BANNER },
    // Not declared under their own names: some libraries declare those themselves.
    define: { __filename: "__bundleFile", __dirname: "__bundleFolder" },
    external: ["@azure/functions-core"],
    sourcemap: true,
    minify: false,
    logLevel: "warning",
  });
}

if (import.meta.main)
  await bundle({
    entry: path.join(import.meta.dirname, "functions/main.ts"),
    outfile: path.join(import.meta.dirname, "dist/main.mjs"),
  });
