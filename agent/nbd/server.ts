import { lstatSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { MIB } from "../../engine/core/units.ts";
import { Connection } from "./connection.ts";
import type { Export } from "./export.ts";
import { Intake, readInto } from "./intake.ts";

export type ListenOn =
  | { readonly kind: "unix"; readonly path: string }
  /** On 127.0.0.1 only: NBD has no authentication. Port 0 takes a free one. */
  | { readonly kind: "tcp"; readonly port: number };

export interface NbdServer {
  /** What a client dials, as in the NBD URI scheme. */
  readonly uri: string;
  /** Takes no further connection and ends those there are; what was received is answered. */
  close(): Promise<void>;
}

/** A client that does not take its replies is not read from while this much waits for it. */
const MOST_UNSENT = 64 * MIB;
const MOST_CONNECTIONS = 128;

/** @throws InvalidSetting when the address cannot be listened on. */
export async function serveNbd(listenOn: ListenOn, exports: readonly Export[]): Promise<NbdServer> {
  const open = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
    const socket = attend(accepted, exports);
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listening(server, listenOn);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : undefined;
  return {
    uri: listenOn.kind === "unix" ? `nbd+unix:///?socket=${listenOn.path}` : `nbd://127.0.0.1:${port}/`,
    close: () => closing(server, open),
  };
}

/** Connects a socket with the protocol; returns the socket that lives on. */
function attend(accepted: Socket, exports: readonly Export[]): Socket {
  const intake = new Intake();
  const received = (chunk: Buffer) => {
    socket.cork();
    connection.receive(chunk);
    intake.release(connection.pending);
    socket.uncork();
    if (socket.writableLength > MOST_UNSENT) socket.pause();
  };
  const own = readInto(intake, accepted, received);
  const socket = own ?? accepted.on("data", received);
  const client = {
    send: (reply: Buffer, sent?: () => void) => void (socket.writable && socket.write(reply, sent)),
    end: (why: "done" | "garbage") => void (why === "done" ? socket.end() : socket.destroy()),
  };
  const connection = new Connection(client, exports);
  // The server counts the accepted one.
  socket.on("close", () => accepted.destroy());
  socket.on("drain", () => socket.resume());
  // A client may vanish at any time; `close` follows.
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.resume();
  return socket;
}

async function listening(server: Server, on: ListenOn): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", resolve);
  try {
    if (on.kind === "unix") {
      removeStaleSocket(on.path);
      server.listen(on.path);
    } else server.listen(on.port, "127.0.0.1");
    await promise;
  } catch (error) {
    const where = on.kind === "unix" ? on.path : `127.0.0.1:${on.port}`;
    throw new LeewardError(
      "InvalidSetting",
      `--listen: cannot listen on ${where}: ${messageOf(error)}`,
      error,
    );
  }
}

/** A killed agent leaves its socket behind. The spool's lock has made sure that it is gone. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}

async function closing(server: Server, open: Set<Socket>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  for (const socket of open) socket.destroySoon();
  await promise;
}
