import { randomBytes } from "node:crypto";
import { type Server, createServer } from "node:http";
import { request } from "node:https";

export interface FrontDoor {
  /** To the portal, signed in: as secret as a token. */
  readonly url: string;
  /** To the Functions host's page of orchestrations, with its key: as secret as that. */
  readonly orchestrations: string;
  stop(): Promise<void>;
}

/**
 * The control plane over plain http on loopback, for browsers: they would warn of the box's certificate, which nobody
 * but the box trusts. Clients use the https endpoint.
 * @param token a fresh bearer token for the portal
 * @param hostKey the Functions host's key of the Durable webhooks
 */
export async function openFrontDoor(
  endpoint: string,
  port: number,
  token: () => Promise<string>,
  hostKey: string,
): Promise<FrontDoor> {
  const entry = `/${randomBytes(9).toString("base64url")}`;
  const doors = new Map([
    [entry, async () => `/portal/#token=${await token()}`],
    [`${entry}/orchestrations`, async () => `/admin/durable/#key=${hostKey}`],
  ]);
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = "/" } = incoming;
    const door = doors.get(url);
    if (door) {
      door().then(
        (location) => outgoing.writeHead(302, { location }).end(),
        () => outgoing.writeHead(503, { "retry-after": "1" }).end(),
      );
      return;
    }
    const inner = request(new URL(url, endpoint), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    inner.on("error", () => {
      if (!outgoing.headersSent) outgoing.writeHead(503, { "retry-after": "1" });
      outgoing.end();
    });
    outgoing.on("close", () => inner.destroy());
    incoming.pipe(inner);
  });
  await listen(server, port);
  return {
    url: `http://127.0.0.1:${port}${entry}`,
    orchestrations: `http://127.0.0.1:${port}${entry}/orchestrations`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listen = (server: Server, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
