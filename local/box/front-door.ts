import { type Server, createServer } from "node:http";
import { request } from "node:https";

/**
 * The control plane over plain http on loopback, for browsers: they would warn of the box's certificate, which nobody
 * but the box trusts. Clients use the https endpoint.
 */
export async function openFrontDoor(
  endpoint: string,
  port: number,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = "/" } = incoming;
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
    url: `http://127.0.0.1:${port}`,
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
