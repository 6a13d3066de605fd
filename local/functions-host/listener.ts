import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { messageOf } from "../../engine/core/errors.ts";

export interface Request {
  readonly method: string;
  /** As it was sent, with the scheme and the Host header of the caller. */
  readonly url: URL;
  /** Segments of the path as they came, undecoded. */
  readonly path: string;
  /** Lower-case names; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | undefined;
}

export type Handler = (request: Request) => Promise<Response>;

/** As Azure Functions: 100 MB. */
const MOST_BODY = 100 * 1024 * 1024;

/** A server on 127.0.0.1 that reads whole requests. It answers 503 until it is given something to serve. */
export class Listener {
  readonly port: number;
  readonly origin: string;
  readonly #server: http.Server | https.Server;
  #handler: Handler | undefined;
  readonly #failed: (error: unknown) => void;

  private constructor(server: http.Server | https.Server, secure: boolean, failed: (error: unknown) => void) {
    this.#server = server;
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    this.port = address.port;
    this.origin = `${secure ? "https" : "http"}://127.0.0.1:${address.port}`;
    this.#failed = failed;
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      void this.#serve(request, response, secure);
    });
  }

  /**
   * @param port 0 for any
   * @param failed is told of errors in handlers; the caller of the handler gets a 500
   */
  static async open(
    port: number,
    tls: { cert: string; key: string } | undefined,
    failed: (error: unknown) => void,
  ): Promise<Listener> {
    const server = tls ? https.createServer(tls) : http.createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new Listener(server, tls !== undefined, failed);
  }

  serve(handler: Handler): void {
    this.#handler = handler;
  }

  /** Takes no new connection, lets answers in progress finish, and then cuts what is left. */
  async close(grace: number): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), grace);
    await closed;
    clearTimeout(timer);
  }

  async #serve(from: http.IncomingMessage, to: http.ServerResponse, secure: boolean): Promise<void> {
    let answer: Response;
    try {
      answer = await this.#answer(from, secure);
    } catch (error) {
      this.#failed(error);
      answer = { status: 500 };
    }
    if (to.destroyed) return;
    try {
      send(to, answer, from.method === "HEAD");
    } catch (error) {
      this.#failed(error);
      to.destroy();
    }
  }

  async #answer(from: http.IncomingMessage, secure: boolean): Promise<Response> {
    if (!this.#handler) return { status: 503, headers: { "retry-after": "1" } };
    const url = urlOf(from, secure, this.port);
    if (!url) return textResponse(400, "the request line or the Host header is not valid");
    const body = await readBody(from);
    if (body === "too large")
      return { ...textResponse(413, "the body is over 100 MB"), headers: { connection: "close" } };
    if (body === "cut off") return { status: 400 };
    const path = (from.url ?? "/").split("?", 1)[0] ?? "/";
    return this.#handler({ method: from.method ?? "GET", url, path, headers: headersOf(from), body });
  }
}

export const jsonResponse = (
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Response => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: Buffer.from(JSON.stringify(value)),
});

export const textResponse = (status: number, text: string): Response => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: Buffer.from(text),
});

function urlOf(from: http.IncomingMessage, secure: boolean, port: number): URL | undefined {
  const origin = `${secure ? "https" : "http"}://${from.headers.host ?? `127.0.0.1:${port}`}`;
  const target = from.url ?? "/";
  return target.startsWith("/") && URL.canParse(origin + target) ? new URL(origin + target) : undefined;
}

const headersOf = (from: http.IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(from.headersDistinct).map(([name, values]) => [name, (values ?? []).join(",")]),
  );

async function readBody(from: http.IncomingMessage): Promise<Buffer | "too large" | "cut off"> {
  if (Number(from.headers["content-length"] ?? 0) > MOST_BODY) return "too large";
  const parts: Buffer[] = [];
  let size = 0;
  try {
    // Otherwise leaving the loop would cut the connection before the answer.
    for await (const part of from.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(part)) continue;
      size += part.length;
      if (size > MOST_BODY) return "too large";
      parts.push(part);
    }
  } catch (error) {
    return isAborted(error) ? "cut off" : Promise.reject(new Error(messageOf(error), { cause: error }));
  }
  return Buffer.concat(parts);
}

const isAborted = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ECONNRESET";

function send(to: http.ServerResponse, answer: Response, head: boolean): void {
  for (const [name, value] of Object.entries(answer.headers ?? {}))
    to.setHeader(name, typeof value === "string" ? value : [...value]);
  to.statusCode = answer.status;
  const body = answer.body ?? new Uint8Array();
  const bare = answer.status === 204 || answer.status === 304;
  if (!bare && !to.hasHeader("content-length")) to.setHeader("content-length", body.length);
  to.end(head || bare ? undefined : body);
}
