import type { DiskWrite, Export } from "./export.ts";
import { Handshake, hello } from "./handshake.ts";
import { COMMAND, ERROR, FLAG } from "./protocol.ts";
import { ReplyBuffers } from "./reply-buffers.ts";
import {
  REPLY_BYTES,
  REQUEST_BYTES,
  type Request,
  rangeOf,
  readRequest,
  refusal,
  writeReply,
} from "./request.ts";

/** The way back to the client. Sending to a client that is gone does nothing. */
export interface Client {
  send(reply: Buffer, sent?: () => void): void;
  /** Ends the connection after what was sent; `garbage` when the client does not speak the protocol. */
  end(why: "done" | "garbage"): void;
}

interface QueuedWrite extends DiskWrite {
  readonly request: Request;
}

/** A payload on its way in. Without `keep` it is read past: its request was refused. */
interface Incoming {
  readonly request: Request;
  readonly keep: boolean;
  readonly parts: Buffer[];
  missing: number;
}

const NOTHING = Buffer.alloc(0);

/**
 * One NBD connection: cuts the byte stream into requests and carries them out. Writes that arrive together go to the
 * disk together, and before anything that came after them. Never throws on what a client sends.
 */
export class Connection {
  readonly #client: Client;
  readonly #handshake: Handshake;
  readonly #buffers = new ReplyBuffers();
  #export: Export | undefined;
  /** Start of a message whose rest has not come yet. */
  #rest: Buffer = NOTHING;
  #incoming: Incoming | undefined;
  #queue: QueuedWrite[] = [];
  #ended = false;

  constructor(client: Client, exports: readonly Export[]) {
    this.#client = client;
    this.#handshake = new Handshake(exports);
    client.send(hello());
  }

  /** Bytes at the end of what was received that are still needed where they lie. */
  get pending(): number {
    if (!this.#incoming?.keep) return 0;
    return this.#incoming.request.length - this.#incoming.missing;
  }

  /** Everything that is complete in the chunk, and with the chunks before it, is carried out before this returns. */
  receive(chunk: Buffer): void {
    let at = 0;
    if (this.#rest.length > 0) {
      // A request's header is completed alone, so that the payloads behind it stay where they are.
      if (this.#export) at = Math.min(REQUEST_BYTES - this.#rest.length, chunk.length);
      const joined = Buffer.concat([this.#rest, at > 0 ? chunk.subarray(0, at) : chunk]);
      this.#rest = NOTHING;
      this.#consume(joined, 0);
      if (at === 0) at = chunk.length;
    }
    this.#consume(chunk, at);
    if (this.#export) this.#commit(this.#export);
  }

  #consume(chunk: Buffer, at: number): void {
    while (!this.#ended && at < chunk.length) {
      const used = this.#export ? this.#transmission(this.#export, chunk, at) : this.#negotiation(chunk, at);
      if (used === 0) {
        this.#rest = Buffer.from(chunk.subarray(at));
        return;
      }
      at += used;
    }
  }

  #negotiation(chunk: Buffer, at: number): number {
    const step = this.#handshake.next(chunk.subarray(at));
    switch (step.kind) {
      case "more":
        return 0;
      case "close":
        if (step.reply) this.#client.send(step.reply);
        this.#end(step.reply ? "done" : "garbage");
        return 0;
      case "chosen":
        this.#export = step.export;
        this.#client.send(step.reply);
        return step.used;
      case "answer":
        if (step.reply.length > 0) this.#client.send(step.reply);
        return step.used;
    }
  }

  #transmission(to: Export, chunk: Buffer, at: number): number {
    if (this.#incoming) return this.#payload(this.#incoming, chunk, at);
    if (chunk.length - at < REQUEST_BYTES) return 0;
    const request = readRequest(chunk, at);
    if (request) this.#start(to, request);
    else this.#end("garbage");
    return REQUEST_BYTES;
  }

  #payload(incoming: Incoming, chunk: Buffer, at: number): number {
    const used = Math.min(incoming.missing, chunk.length - at);
    if (incoming.keep) addPart(incoming.parts, chunk.subarray(at, at + used));
    incoming.missing -= used;
    if (incoming.missing > 0) return used;
    this.#incoming = undefined;
    const { request, parts } = incoming;
    if (incoming.keep) this.#queue.push({ request, parts, ...rangeOf(request) });
    return used;
  }

  #start(to: Export, request: Request): void {
    if (request.command === COMMAND.disconnect) return this.#end("done");
    const error = refusal(request, to);
    if (error !== ERROR.none) this.#reply(request, error);
    if (request.command === COMMAND.write && request.length > 0) {
      this.#incoming = { request, keep: error === ERROR.none, parts: [], missing: request.length };
      return;
    }
    if (error !== ERROR.none) return;
    this.#commit(to);
    if (request.command === COMMAND.read) this.#read(to, request);
    else if (request.command === COMMAND.flush) this.#answerAfter(request, to.flush());
    else this.#zero(to, request);
  }

  #read(from: Export, request: Request): void {
    const { offset, length } = rangeOf(request);
    const reply = this.#buffers.take(length);
    try {
      from.read(offset, reply.subarray(REPLY_BYTES));
    } catch {
      return this.#reply(request, ERROR.io);
    }
    writeReply(reply, 0, request, ERROR.none);
    this.#client.send(reply, () => this.#buffers.giveBack(reply));
  }

  #zero(on: Export, request: Request): void {
    const { offset, length } = rangeOf(request);
    const done = on.zero(offset, length);
    const lasting = request.flags & FLAG.fua ? done.then(() => on.flush()) : done;
    this.#answerAfter(
      request,
      lasting.then(() => on.holding?.()),
    );
  }

  /** Hands all queued writes to the disk and answers them; those with FUA after a flush that they share. */
  #commit(to: Export): void {
    const writes = this.#queue;
    if (writes.length === 0) return;
    this.#queue = [];
    let error: number = ERROR.none;
    try {
      to.write(writes);
    } catch {
      error = ERROR.io;
    }
    const holding = to.holding?.();
    if (holding) return this.#answerHeld(to, writes, error, holding);
    const lasting = error === ERROR.none ? writes.filter((one) => one.request.flags & FLAG.fua) : [];
    const now = lasting.length === 0 ? writes : writes.filter((one) => !lasting.includes(one));
    if (now.length > 0) this.#client.send(replies(now, error));
    if (lasting.length === 0) return;
    const flushed = to.flush();
    for (const { request } of lasting) this.#answerAfter(request, flushed);
  }

  #answerHeld(to: Export, writes: readonly QueuedWrite[], error: number, holding: Promise<void>): void {
    for (const { request } of writes) {
      const lasting = request.flags & FLAG.fua ? to.flush().then(() => holding) : holding;
      if (error === ERROR.none) this.#answerAfter(request, lasting);
      else this.#reply(request, error);
    }
  }

  #answerAfter(request: Request, work: Promise<void>): void {
    work.then(
      () => this.#reply(request, ERROR.none),
      () => this.#reply(request, ERROR.io),
    );
  }

  #reply(request: Request, error: number): void {
    const reply = Buffer.allocUnsafe(REPLY_BYTES);
    writeReply(reply, 0, request, error);
    this.#client.send(reply);
  }

  #end(why: "done" | "garbage"): void {
    if (this.#export) this.#commit(this.#export);
    this.#ended = true;
    this.#client.end(why);
  }
}

/** Chunks that lie one behind the other in memory become one part: the kernel takes few large parts faster. */
function addPart(parts: Buffer[], part: Buffer): void {
  const last = parts.at(-1);
  if (last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset)
    parts[parts.length - 1] = Buffer.from(part.buffer, last.byteOffset, last.length + part.length);
  else parts.push(part);
}

function replies(to: readonly QueuedWrite[], error: number): Buffer {
  const all = Buffer.allocUnsafe(REPLY_BYTES * to.length);
  for (const [n, { request }] of to.entries()) writeReply(all, n * REPLY_BYTES, request, error);
  return all;
}
