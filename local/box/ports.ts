import { randomInt } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:net";
import path from "node:path";
import { z } from "zod";

const NAMES = [
  "sourceBlob",
  "sourceTable",
  "targetBlob",
  "targetTable",
  "arm",
  "identity",
  "host",
  "portal",
  "hostThere",
] as const;
const port = z.number().int().min(1024).max(65535);
const schema = z.record(z.enum(NAMES), port);
export type Ports = z.infer<typeof schema>;

/** The ports of a box are drawn once and kept with it: URLs in its records stay true when it is resumed. */
export async function portsOf(box: string): Promise<Ports> {
  const file = path.join(box, "ports.json");
  const known = existsSync(file) ? drawn.parse(JSON.parse(readFileSync(file, "utf8"))) : {};
  // All of a new box, and of an older one those that it did not have yet.
  const missing = NAMES.filter((name) => known[name] === undefined);
  const numbers = await freePorts(missing.length);
  const more = Object.fromEntries(missing.map((name, i) => [name, numbers[i]]));
  const ports = schema.parse({ ...known, ...more });
  if (missing.length > 0) writeFileSync(file, `${JSON.stringify(ports, null, 2)}\n`);
  return ports;
}

const drawn = z.partialRecord(z.enum(NAMES), port);

/** The system draws from behind these for connections that go out, and one of those could take a port before it is listened on. */
const DRAWN = { from: 20_000, to: 32_000 };
const TRIES = 100;

/** Ports that nobody listens on; all are held open until the last is drawn, so none comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => freeServer()));
  const ports = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function freeServer(): Promise<{ server: Server; port: number }> {
  for (let tries = 0; tries < TRIES; tries++) {
    const server = createServer();
    const port = randomInt(DRAWN.from, DRAWN.to);
    const listens = new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (await listens) return { server, port };
  }
  throw new Error(`no free port between ${DRAWN.from} and ${DRAWN.to} in ${TRIES} tries`);
}
