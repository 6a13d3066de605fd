import { type Socket, connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type NbdServer, serveNbd } from "../../../agent/nbd/server.ts";
import { MIB } from "../../../engine/core/units.ts";
import { scratch, testMachine } from "./machine.ts";

const SIZE = MIB;
const GO = 7;
const [READ, WRITE, DISCONNECT, FLUSH, TRIM, WRITE_ZEROES] = [0, 1, 2, 3, 4, 6];
const [OK, INVALID, NO_SPACE] = [0, 22, 28];

/** A client that says exactly what it is told to. */
class RawClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    onTestFinished(() => void this.#socket.destroy());
  }

  send(data: Buffer): void {
    this.#socket.write(data);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#ended) throw new Error(`closed after ${this.#received.length} bytes of ${length}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async closed(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async hello(flags = 3): Promise<this> {
    const greeting = await this.take(18);
    if (greeting.toString("latin1") !== "NBDMAGICIHAVEOPT\0\x03")
      throw new Error("not the newstyle greeting");
    this.send(Buffer.from([0, 0, 0, flags]));
    return this;
  }

  option(number: number, data: Buffer): void {
    const head = Buffer.alloc(16);
    head.write("IHAVEOPT", 0, "latin1");
    head.writeUInt32BE(number, 8);
    head.writeUInt32BE(data.length, 12);
    this.send(Buffer.concat([head, data]));
  }

  async optionReply(): Promise<{ type: number; data: Buffer }> {
    const head = await this.take(20);
    return { type: head.readUInt32BE(12), data: await this.take(head.readUInt32BE(16)) };
  }

  async go(name = "disk0"): Promise<this> {
    this.option(GO, named(name));
    while ((await this.optionReply()).type !== 1);
    return this;
  }

  /** The error number that the request is answered with. */
  async ask(
    command = READ,
    offset = 0,
    length = 512,
    payload: Buffer = Buffer.alloc(0),
    flags = 0,
  ): Promise<number> {
    this.send(Buffer.concat([request(command, offset, length, flags), payload]));
    const reply = await this.take(16);
    if (reply.toString("hex", 8) !== "00112233445566ff") throw new Error("a reply to something else");
    const error = reply.readUInt32BE(4);
    if (command === READ && error === OK) await this.take(length);
    return error;
  }
}

function request(command = READ, offset: number, length: number, flags = 0): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(0x25609513, 0);
  head.writeUInt16BE(flags, 4);
  head.writeUInt16BE(command, 6);
  head.write("00112233445566ff", 8, "hex");
  head.writeBigUInt64BE(BigInt(offset), 16);
  head.writeUInt32BE(length, 24);
  return head;
}

function named(name: string, wants = 0): Buffer {
  const data = Buffer.alloc(6 + Buffer.byteLength(name));
  data.writeUInt32BE(Buffer.byteLength(name), 0);
  data.write(name, 4);
  data.writeUInt16BE(wants, data.length - 2);
  return data;
}

async function served(disks = 1): Promise<{ path: string; server: NbdServer }> {
  const machine = testMachine(Array.from({ length: disks }, () => Buffer.alloc(SIZE, 9)));
  const path = join(scratch(), "nbd.sock");
  const server = await serveNbd({ kind: "unix", path }, machine.capture.exports);
  onTestFinished(() => server.close());
  return { path, server };
}

test("lists every disk, and refuses a name that there is not", async () => {
  const { path } = await served(2);
  const client = await new RawClient(path).hello();
  client.option(3, Buffer.alloc(0));
  const names = [await client.optionReply(), await client.optionReply()];
  expect(names.map(({ data }) => data.toString("utf8", 4))).toEqual(["disk0", "disk1"]);
  expect((await client.optionReply()).type).toBe(1);
  client.option(GO, named("disk2"));
  expect((await client.optionReply()).type).toBe(0x80000006);
  client.option(GO, named(""));
  expect((await client.optionReply()).type).toBe(0x80000006);
  await client.go("disk1");
  expect(await client.ask(READ, 0, 512)).toBe(OK);
});

test("answers unknown options and malformed ones with an error, and goes on", async () => {
  const { path } = await served();
  const client = await new RawClient(path).hello();
  for (const unknown of [5, 8, 10, 99]) {
    client.option(unknown, Buffer.alloc(8));
    expect((await client.optionReply()).type).toBe(0x80000001);
  }
  client.option(GO, Buffer.from("ffffffff0000", "hex"));
  expect((await client.optionReply()).type).toBe(0x80000003);
  client.option(GO, named("disk0", 3));
  expect((await client.optionReply()).type).toBe(0x80000003);
  client.option(3, Buffer.alloc(1));
  expect((await client.optionReply()).type).toBe(0x80000003);
  await client.go("");
  expect(await client.ask(FLUSH, 0, 0)).toBe(OK);
});

test("tells a client that aborts that it heard", async () => {
  const { path } = await served();
  const client = await new RawClient(path).hello();
  client.option(2, Buffer.alloc(0));
  expect((await client.optionReply()).type).toBe(1);
  await client.closed();
});

test("serves the oldest way to choose an export, with and without its zeros", async () => {
  const { path } = await served();
  for (const [flags, length] of [
    [3, 10],
    [1, 134],
  ] as const) {
    const client = await new RawClient(path).hello(flags);
    client.option(1, Buffer.from("disk0"));
    const answer = await client.take(length);
    expect(answer.readBigUInt64BE(0)).toBe(BigInt(SIZE));
    expect(await client.ask(READ, 0, 512)).toBe(OK);
  }
});

test("refuses what does not fit the disk, and goes on", async () => {
  const { path } = await served();
  const client = await (await new RawClient(path).hello()).go();
  const cases: [number, [number | undefined, number, number, Buffer?, number?]][] = [
    [INVALID, [READ, 1, 512]],
    [INVALID, [READ, 0, 100]],
    [INVALID, [READ, 0, 0]],
    [INVALID, [READ, SIZE, 512]],
    [INVALID, [READ, 2 ** 60, 512]],
    [INVALID, [READ, 0, 33 * MIB]],
    [INVALID, [READ, 0, 512, undefined, 128]],
    [INVALID, [WRITE, 1, 512, Buffer.alloc(512)]],
    [INVALID, [WRITE, 0, 33 * MIB, Buffer.alloc(33 * MIB)]],
    [INVALID, [WRITE, 0, 0]],
    [NO_SPACE, [WRITE, SIZE - 512, 1024, Buffer.alloc(1024)]],
    [NO_SPACE, [WRITE_ZEROES, SIZE - 512, 1024]],
    [INVALID, [TRIM, SIZE, 512]],
    [INVALID, [TRIM, 0, 0xffff_fe00]],
    [INVALID, [5, 0, 512]],
    [INVALID, [77, 0, 0]],
  ];
  for (const [error, asked] of cases) expect([await client.ask(...asked), asked]).toEqual([error, asked]);
  expect(await client.ask(WRITE, 512, 512, Buffer.alloc(512, 1), 1)).toBe(OK);
  expect(await client.ask(TRIM, 0, SIZE)).toBe(OK);
  client.send(request(READ, 0, SIZE));
  expect((await client.take(16 + SIZE)).subarray(16).equals(Buffer.alloc(SIZE))).toBe(true);
  client.send(request(DISCONNECT, 0, 0));
  await client.closed();
});

test("a read sees the writes that came in front of it, however the bytes were cut", async () => {
  const { path } = await served();
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ sector: fc.nat(100), sectors: fc.integer({ min: 1, max: 20 }), fill: fc.nat(255) }),
        {
          minLength: 1,
          maxLength: 12,
        },
      ),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 }),
      async (writes, cuts) => {
        const client = await (await new RawClient(path).hello()).go();
        const model = Buffer.alloc(SIZE);
        const messages = writes.flatMap(({ sector, sectors, fill }) => {
          model.fill(fill, sector * 512, (sector + sectors) * 512);
          return [request(WRITE, sector * 512, sectors * 512), Buffer.alloc(sectors * 512, fill)];
        });
        expect(await client.ask(TRIM, 0, SIZE)).toBe(OK);
        const stream = Buffer.concat([...messages, request(READ, 0, SIZE)]);
        for (let at = 0, n = 0; at < stream.length; n++) {
          const end = at + (cuts[n % cuts.length] ?? 1);
          client.send(Buffer.from(stream.subarray(at, end)));
          if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          at = end;
        }
        const replies = await client.take(16 * (writes.length + 1) + SIZE);
        expect(replies.subarray(-SIZE).equals(model)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test("garbage ends its own connection and nothing else", async () => {
  const { path } = await served();
  const good = await (await new RawClient(path).hello()).go();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("hello", "option", "request"),
      fc.uint8Array({ minLength: 32, maxLength: 300 }),
      async (when, bytes) => {
        const bad = new RawClient(path);
        // The first byte is wrong in each of the three places.
        const garbage = Buffer.from([0xee, ...bytes]);
        if (when === "hello") await bad.take(18);
        else await bad.hello();
        if (when === "request") await bad.go();
        bad.send(garbage);
        await bad.closed();
        expect(await good.ask(READ, 0, 4096)).toBe(OK);
      },
    ),
    { numRuns: 60 },
  );
});

test("clients that come and go leave room for others", async () => {
  const { path } = await served();
  for (let n = 0; n < 300; n++) {
    const client = await (await new RawClient(path).hello()).go();
    client.send(request(DISCONNECT, 0, 0));
    await client.closed();
  }
  expect(await (await (await new RawClient(path).hello()).go()).ask(READ, 0, 512)).toBe(OK);
});
