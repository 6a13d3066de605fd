import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
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
] as const;
const schema = z.record(z.enum(NAMES), z.number().int().min(1024).max(65535));
export type Ports = z.infer<typeof schema>;

/** The ports of a box are drawn once and kept with it: URLs in its records stay true when it is resumed. */
export async function portsOf(box: string): Promise<Ports> {
  const file = path.join(box, "ports.json");
  if (existsSync(file)) return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  const numbers = await freePorts(NAMES.length);
  const ports = schema.parse(Object.fromEntries(NAMES.map((name, i) => [name, numbers[i]])));
  writeFileSync(file, `${JSON.stringify(ports, null, 2)}\n`);
  return ports;
}

/** Asks the system for ports that nobody listens on; all are held open until the last is drawn, so none comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port could be drawn");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
