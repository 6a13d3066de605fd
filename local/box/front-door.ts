import { randomBytes } from "node:crypto";
import { type Server, createServer } from "node:http";
import { request } from "node:https";

/**
 * The control plane over plain http on loopback, for browsers: they would warn of the box's certificate, which nobody
 * but the box trusts. Clients use the https endpoint. `url` leads to the portal, signed in: it is as secret as a token.
 */
export async function openFrontDoor(
  endpoint: string,
  port: number,
  token: () => Promise<string>,
): Promise<{ url: string; stop(): Promise<void> }> {
  const entry = `/${randomBytes(9).toString("base64url")}`;
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = "/" } = incoming;
    if (url === entry) {
      token().then(
        (fresh) => outgoing.writeHead(302, { location: `/portal/#token=${fresh}` }).end(),
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
