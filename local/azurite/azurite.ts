import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { type Interface, createInterface } from "node:readline";
import { LeewardError } from "../../engine/core/errors.ts";
import type { Certificates } from "../tls/certificate.ts";

/** It needs 1 to 3 s of CPU to start; a loaded machine takes several times as long. */
const START_LIMIT_MS = 60_000;
/** A clean stop writes its metadata; after this it is killed. */
const STOP_LIMIT_MS = 15_000;

export interface AzuriteOptions {
  /** Where the data lives; starting again with the same directory finds it. */
  readonly directory: string;
  /** Names of the storage accounts that exist. */
  readonly accounts: readonly string[];
  readonly tls: Certificates;
  /** File that takes what Azurite prints. */
  readonly log: string;
  /** Free ones by default. Give the former ones to come back at the same addresses. */
  readonly ports?: { readonly blob: number; readonly table: number };
}

/** One Azurite process: blob, table and queue storage of one region, over https, for bearer tokens and SAS. */
export interface Azurite {
  readonly pid: number;
  readonly ports: { readonly blob: number; readonly table: number; readonly queue: number };
  blobEndpoint(account: string): string;
  tableEndpoint(account: string): string;
  /** At a port of its own at each start: nothing of the box needs queues, tests of the Functions host do. */
  queueEndpoint(account: string): string;
  /** Resolves when the process is gone, by whatever cause. */
  readonly exited: Promise<void>;
  /** Stops cleanly: everything acknowledged is on disk. Does nothing when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL, as a region loss does it: what was acknowledged in the last 5 s may be lost. */
  kill(): Promise<void>;
}

/**
 * Starts the real Azurite on loopback and waits until it answers.
 * @throws LeewardError StorageUnavailable when it does not start; the log says why.
 */
export async function startAzurite(options: AzuriteOptions): Promise<Azurite> {
  mkdirSync(options.directory, { recursive: true });
  mkdirSync(path.dirname(options.log), { recursive: true });
  const log = openSync(options.log, "a");
  const child = spawn(process.execPath, [program(), ...flags(options)], {
    env: environment(options),
    // A group of its own: Ctrl-C reaches the supervisor alone, which stops its parts in order.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void exited.then(() => closeSync(log));
  const lines = createInterface({ input: child.stdout });
  for (const output of [lines, createInterface({ input: child.stderr })])
    output.on("line", (line) => writeSync(log, `${line}\n`));
  try {
    const ports = await listening(child, lines);
    return running(child, ports, exited);
  } catch (error) {
    child.kill("SIGKILL");
    throw new LeewardError("StorageUnavailable", `Azurite did not start, see ${options.log}`, error);
  }
}

const program = () => createRequire(import.meta.url).resolve("azurite/dist/src/azurite.js");

function flags({ directory, tls, ports }: AzuriteOptions): string[] {
  const listen = { blob: ports?.blob ?? 0, queue: 0, table: ports?.table ?? 0 };
  const services = Object.entries(listen).flatMap(([service, port]) => [
    `--${service}Host=127.0.0.1`,
    `--${service}Port=${port}`,
  ]);
  const files = [`--location=${directory}`, `--cert=${tls.cert}`, `--key=${tls.key}`];
  const modes = ["--oauth=basic", "--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  return [...services, ...files, ...modes];
}

/** It calls itself when the source of a copy is authorised by a SAS, so it must trust its own certificate. */
const environment = ({ accounts, tls }: AzuriteOptions): NodeJS.ProcessEnv => ({
  ...process.env,
  AZURITE_ACCOUNTS: accountList(accounts),
  NODE_EXTRA_CA_CERTS: tls.ca,
});

/** Keys that nobody knows: as on Azure with shared keys off, only tokens and user-delegation SAS open an account. */
const accountList = (accounts: readonly string[]) =>
  accounts.map((name) => `${name}:${randomBytes(64).toString("base64")}`).join(";");

/** Resolves with the ports as soon as all services said that they listen. */
async function listening(child: ChildProcess, lines: Interface): Promise<Azurite["ports"]> {
  let settle: NodeJS.Timeout | undefined;
  const ports = new Map<string, number>();
  try {
    return await new Promise((resolve, reject) => {
      settle = setTimeout(() => reject(new Error(`no answer in ${START_LIMIT_MS} ms`)), START_LIMIT_MS);
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
      lines.on("line", (line) => {
        const found = /Azurite (Blob|Table|Queue) service is successfully listening at \S+:(\d+)$/.exec(line);
        if (found?.[1]) ports.set(found[1], Number(found[2]));
        const [blob, table, queue] = ["Blob", "Table", "Queue"].map((service) => ports.get(service));
        if (blob !== undefined && table !== undefined && queue !== undefined) resolve({ blob, table, queue });
      });
    });
  } finally {
    clearTimeout(settle);
  }
}

function running(child: ChildProcess, ports: Azurite["ports"], exited: Promise<void>): Azurite {
  const { pid } = child;
  if (pid === undefined) throw new Error("it has no process id");
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return {
    pid,
    ports,
    blobEndpoint: (account) => `https://127.0.0.1:${ports.blob}/${account}`,
    tableEndpoint: (account) => `https://127.0.0.1:${ports.table}/${account}`,
    queueEndpoint: (account) => `https://127.0.0.1:${ports.queue}/${account}`,
    exited,
    kill: () => end("SIGKILL"),
    async stop() {
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await end("SIGTERM");
      clearTimeout(late);
    },
  };
}
