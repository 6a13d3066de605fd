import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { type Bytes, SECTOR, bytes } from "../../engine/core/units.ts";
import { type BlockDevice, MAX_TRANSFER } from "./block-device.ts";
import { ByteReader } from "./byte-reader.ts";
import { negotiate, reply, request } from "./nbd-protocol.ts";

interface Request {
  readonly command: "read" | "write" | "flush";
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array | undefined;
  readonly resolve: (data: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

interface Address {
  readonly socket: string;
  readonly export: string;
}

const RETRY_MILLIS = 50;
/** ESHUTDOWN: the server is about to go away and did nothing. */
const SHUTTING_DOWN = 108;
const NO_DATA = Buffer.alloc(0);

/**
 * A disk that is reached by NBD over a unix socket. When the server goes away, requests wait until it is back; those
 * that it had not answered are sent again in their old order. So the machine stalls and does not fail.
 * @throws DiskUnreadable when the server refuses the export. Waits for the server until the signal is aborted.
 */
export async function openNbdDevice(address: Address, signal?: AbortSignal): Promise<BlockDevice> {
  const device = new NbdDevice(address);
  await device.opened(signal);
  return device;
}

class NbdDevice implements BlockDevice {
  readonly #address: Address;
  readonly #unanswered = new Map<bigint, Request>();
  #cookie = 0n;
  #size: Bytes | undefined;
  #socket: Socket | undefined;
  #connected = false;
  #broken: LeewardError | undefined;
  readonly #closed = new AbortController();

  constructor(address: Address) {
    this.#address = address;
  }

  get size(): Bytes {
    return this.#size ?? bytes(0);
  }

  /** Connects for the first time, and stays connected from then on. */
  async opened(signal?: AbortSignal): Promise<void> {
    const first = Promise.withResolvers<void>();
    void this.#stayConnected(first).catch((error: unknown) => {
      this.#fail(error);
      first.reject(error);
    });
    const stop = () => {
      this.#closed.abort();
      first.reject(new LeewardError("DiskUnreadable", `no NBD server at ${this.#address.socket}`));
    };
    signal?.addEventListener("abort", stop, { once: true });
    await first.promise.finally(() => signal?.removeEventListener("abort", stop));
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return await this.#ask("read", offset, length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#ask("write", offset, data.length, data);
  }

  async flush(): Promise<void> {
    await this.#ask("flush", 0, 0);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#fail(new Error("the disk was closed"));
    if (this.#connected) this.#socket?.end(request("disconnect", 0n, 0, 0));
    else this.#socket?.destroy();
  }

  async #ask(
    command: Request["command"],
    offset: number,
    length: number,
    data?: Uint8Array,
  ): Promise<Buffer> {
    if (this.#broken) throw this.#broken;
    if (offset % SECTOR || length % SECTOR || length > MAX_TRANSFER || offset + length > this.size)
      throw new RangeError(`${command} of ${length} bytes at ${offset} does not fit the disk`);
    return await new Promise((resolve, reject) => {
      this.#cookie += 1n;
      const asked: Request = { command, offset, length, data, resolve, reject };
      this.#unanswered.set(this.#cookie, asked);
      if (this.#connected) this.#send(this.#cookie, asked);
    });
  }

  #send(cookie: bigint, { command, offset, length, data }: Request): void {
    this.#socket?.write(request(command, cookie, offset, length));
    if (data) this.#socket?.write(data);
  }

  async #stayConnected(first: PromiseWithResolvers<void>): Promise<void> {
    while (!this.#closed.signal.aborted) {
      const socket = connect(this.#address.socket);
      this.#socket = socket;
      const reader = new ByteReader(socket);
      try {
        await this.#handshake(socket, reader);
        first.resolve();
        for (const [cookie, asked] of this.#unanswered) this.#send(cookie, asked);
        this.#connected = true;
        await this.#receive(reader);
      } catch (error) {
        // Whatever is wrong with the connection mends when the server is back; a wrong disk does not.
        if (error instanceof LeewardError) throw error;
      } finally {
        this.#connected = false;
        socket.destroy();
      }
      await sleep(RETRY_MILLIS);
    }
  }

  async #handshake(socket: Socket, reader: ByteReader): Promise<void> {
    const { size } = await negotiate(reader, (data) => void socket.write(data), this.#address.export);
    if (this.#size !== undefined && this.#size !== size)
      throw new LeewardError("DiskUnreadable", `the disk had ${this.#size} bytes and now has ${size}`);
    if (size % SECTOR !== 0)
      throw new LeewardError("DiskUnreadable", `the disk has ${size} bytes, not a multiple of ${SECTOR}`);
    this.#size = size;
  }

  async #receive(reader: ByteReader): Promise<void> {
    for (;;) {
      const { error, cookie } = await reply(reader);
      const asked = this.#unanswered.get(cookie);
      if (!asked)
        throw new LeewardError("DiskUnreadable", `the NBD server answers what nobody asked: ${cookie}`);
      const data = asked.command === "read" && error === 0 ? await reader.read(asked.length) : NO_DATA;
      if (error === SHUTTING_DOWN) continue; // asked again when the server is back
      this.#unanswered.delete(cookie);
      if (error === 0) asked.resolve(data);
      else asked.reject(refused(asked, error));
    }
  }

  #fail(error: unknown): void {
    this.#broken ??= new LeewardError(
      "DiskUnreadable",
      `${this.#address.socket}: ${messageOf(error)}`,
      error,
    );
    for (const asked of this.#unanswered.values()) asked.reject(this.#broken);
    this.#unanswered.clear();
  }
}

const refused = ({ command, offset, length }: Request, error: number): LeewardError =>
  new LeewardError(
    "DiskUnreadable",
    `${command} of ${length} bytes at ${offset}: the disk's server answers error ${error}`,
  );
