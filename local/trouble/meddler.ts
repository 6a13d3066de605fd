import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer as createHttpsServer } from "node:https";
import { type Socket, connect, createServer } from "node:net";
import type { Certificates } from "../tls/certificate.ts";
import { type Meddle, carry } from "./meddling.ts";

/** @param port any free one by default. @throws the system's error when somebody has it */
export async function startMeddler(storage: string, tls: Certificates, port = 0): Promise<Meddler> {
  const meddler = new Meddler(storage, tls, port);
  await meddler.open();
  return meddler;
}

/**
 * A door before a storage endpoint. While nobody meddles, connections pass as they are, byte for byte, and cost next to
 * nothing; otherwise each request is read, under the storage's own certificate, and happens to it what was decided.
 */
export class Meddler implements AsyncDisposable {
  readonly #door = createServer({ noDelay: true }, (socket) => this.#enter(socket));
  readonly #reader;
  readonly #agent: Agent;
  /** Connections, and whether their requests are read. */
  readonly #sockets = new Map<Socket, boolean>();
  readonly #path: string;
  #storage: string;
  #meddle: Meddle | undefined;
  #over = new AbortController();
  #port: number;

  constructor(storage: string, tls: Certificates, port: number) {
    this.#port = port;
    this.#storage = new URL(storage).origin;
    this.#path = new URL(storage).pathname;
    this.#agent = new Agent({ keepAlive: true, ca: readFileSync(tls.ca) });
    this.#reader = createHttpsServer(
      { cert: readFileSync(tls.cert), key: readFileSync(tls.key) },
      (from, to) => this.#read(from, to),
    );
  }

  /** The endpoint to use in place of the storage's own. */
  get endpoint(): string {
    return `https://127.0.0.1:${this.#port}${this.#path}`;
  }

  /** What happens to each request; undefined: nothing is touched, nor looked at. */
  get meddle(): Meddle | undefined {
    return this.#meddle;
  }

  /** Requests that are under way and not read are cut; those that wait for something go on. */
  set meddle(meddle: Meddle | undefined) {
    this.#meddle = meddle;
    this.#over.abort();
    this.#over = new AbortController();
    if (meddle) this.#end((read) => !read);
  }

  /** Where the storage is from now on. */
  leadTo(storage: string): void {
    this.#storage = new URL(storage).origin;
    this.#end(() => true);
  }

  /** At the port that it had, if it was closed. */
  async open(): Promise<void> {
    if (this.#door.listening) return;
    this.#door.listen(this.#port, "127.0.0.1");
    await once(this.#door, "listening");
    const address = this.#door.address();
    if (typeof address === "object" && address) this.#port = address.port;
  }

  /** Nobody listens here any more, and whoever was connected is cut off. */
  async close(): Promise<void> {
    if (!this.#door.listening) return;
    this.#door.close();
    this.#over.abort();
    this.#over = new AbortController();
    this.#end(() => true);
    await once(this.#door, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#agent.destroy();
  }

  #enter(socket: Socket): void {
    const read = this.#meddle !== undefined;
    this.#sockets.set(socket, read);
    socket.on("error", () => socket.destroy()).on("close", () => this.#sockets.delete(socket));
    if (read) this.#reader.emit("connection", socket);
    else this.#pass(socket);
  }

  #pass(socket: Socket): void {
    const storage = connect({ host: "127.0.0.1", port: Number(new URL(this.#storage).port), noDelay: true });
    storage.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("close", () => storage.destroy());
    socket.pipe(storage).pipe(socket);
  }

  #read(from: IncomingMessage, to: ServerResponse): void {
    const plan = this.#meddle?.(from.method ?? "", from.url ?? "") ?? {};
    const { signal: over } = this.#over;
    carry({ from, to, plan, storage: this.#storage, agent: this.#agent, over }).catch(() => to.destroy());
  }

  #end(which: (read: boolean) => boolean): void {
    for (const [socket, read] of this.#sockets) if (which(read)) socket.destroy();
  }
}
