import type { Socket } from "node:net";

/** Takes exact numbers of bytes from a socket. One `read` at a time. */
export class ByteReader {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #available = 0;
  #ended: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#available += chunk.length;
      this.#wake();
    });
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new Error("the connection was closed")));
  }

  /** @throws whatever ended the connection before so many bytes came. */
  async read(length: number): Promise<Buffer> {
    while (this.#available < length) {
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0];
    const all = first && first.length >= length ? first : Buffer.concat(this.#chunks);
    if (all === first) this.#chunks.shift();
    else this.#chunks = [];
    if (all.length > length) this.#chunks.unshift(all.subarray(length));
    this.#available -= length;
    return all.subarray(0, length);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#socket.destroy();
    this.#wake();
  }
}
