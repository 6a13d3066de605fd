import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import type { LogSink } from "./core-api.ts";
import { type HostOptions, startHost } from "./host.ts";

const USAGE =
  "node local/functions-host/main.ts --app <folder> [--entry <file>] --data <folder> --port <n> [--cert <pem> --key <pem>]";

/** Prints one line of JSON when it serves; everything else goes to stderr. */
async function main(): Promise<void> {
  const host = await startHost({ ...readOptions(), log: writeLog });
  console.log(JSON.stringify({ ready: true, url: host.url, pid: process.pid }));
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      void host.stop().then(() => process.exit(0));
    });
}

const Arguments = z.object({
  app: z.string(),
  entry: z.string().optional(),
  data: z.string(),
  port: z.coerce.number().int().min(0).max(65_535).default(7071),
  cert: z.string().optional(),
  key: z.string().optional(),
});

function readOptions(): HostOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { app: text, entry: text, data: text, port: text, cert: text, key: text },
  });
  const parsed = Arguments.safeParse(values);
  if (!parsed.success)
    throw new LeewardError("InvalidSetting", `${z.prettifyError(parsed.error)}\nusage: ${USAGE}`);
  const { app, entry, data, port, cert, key } = parsed.data;
  if ((cert === undefined) !== (key === undefined))
    throw new LeewardError("InvalidSetting", `--cert and --key belong together\nusage: ${USAGE}`);
  return {
    app: path.resolve(app),
    data: path.resolve(data),
    port,
    ...(entry === undefined ? {} : { entry }),
    ...(cert === undefined || key === undefined
      ? {}
      : { tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } }),
  };
}

const writeLog: LogSink = ({ level, message, function: name }) => {
  process.stderr.write(`${new Date().toISOString()} ${level} ${name ? `${name}: ` : ""}${message}\n`);
};

/** What state the app is in after an error that nobody caught is unknown; the durable state is whole, so: start again. */
process.on("uncaughtException", (error) => {
  process.stderr.write(`${new Date().toISOString()} critical uncaught: ${error.stack ?? error.message}\n`);
  process.exit(70);
});

try {
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${error instanceof LeewardError ? `${error.remedy}\n` : ""}`);
  process.exit(1);
}
