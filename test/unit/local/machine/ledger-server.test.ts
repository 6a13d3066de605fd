import type { Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { MIB } from "../../../../engine/core/units.ts";
import { archivedDocument } from "../../../../local/machine/archive.ts";
import { formatLedger } from "../../../../local/machine/format-ledger.ts";
import { serveLedger } from "../../../../local/machine/ledger-server.ts";
import { Ledger } from "../../../../local/machine/ledger.ts";
import { RecordingDevice } from "./recording-device.ts";

const good = { customer: "Ada", item: "rope", amount: 1250 };
const failure = z.object({
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().min(10) }),
});
const placed = z.object({ id: z.number(), placedAt: z.number() });

let device: RecordingDevice;
let ledger: Ledger;
let server: Server;
let url: string;
beforeAll(async () => {
  device = new RecordingDevice(Buffer.alloc(8 * MIB));
  await formatLedger(device, { seed: 1, archiveBytes: 100_000 });
  ledger = await Ledger.open({ database: device });
  server = await serveLedger(ledger, { name: "test" }, 0);
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await ledger.close();
});

const get = async (path: string) => {
  const response = await fetch(url + path);
  return { status: response.status, body: await response.json() };
};
const post = async (body: string) => {
  const response = await fetch(`${url}/orders`, { method: "POST", body });
  return { status: response.status, body: await response.json() };
};

test("an order is answered with 201 and its id, after a flush", async () => {
  const before = device.events.length;
  const { status, body } = await post(JSON.stringify(good));
  expect(status).toBe(201);
  const { id, placedAt } = placed.parse(body);
  expect(device.events.slice(before)).toContain("flush");
  const found = await get(`/orders?after=${id - 1}&limit=1`);
  expect(found.body).toEqual({ orders: [expect.objectContaining({ ...good, id, placedAt })] });
});

test("a document is answered with 201 once it is in the archive, and orders go on beside it", async () => {
  const filed = await Promise.all([
    fetch(`${url}/documents`, { method: "POST", body: JSON.stringify({ seed: 7, number: 1 }) }),
    post(JSON.stringify(good)),
  ]);
  expect(filed.map(({ status }) => status)).toEqual([201, 201]);
  expect(await filed[0].json()).toEqual({ bytes: archivedDocument(7, 1).length });
  const { body } = await get("/integrity");
  expect(body).toMatchObject({ ok: true, documents: 3 });
});

test("orders that come at once get dense ids and are all kept", async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => post(JSON.stringify(good))));
  const ids = answers.map(({ body }) => placed.parse(body).id).toSorted((a, b) => a - b);
  const first = ids[0] ?? 0;
  expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => first + index));
  const { body } = await get("/integrity");
  expect(body).toMatchObject({ ok: true, report: ["ok"], first: 1, last: ids.at(-1), orders: ids.at(-1) });
});

test("health answers without the disk", async () => {
  const { status, body } = await get("/health");
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "up", name: "test" });
});

test.each([
  ["not JSON", "{", "the body is not JSON"],
  ["no object", "[]", "expected object"],
  ["a field is missing", '{"customer":"Ada","item":"rope"}', "amount"],
  ["an amount of nothing", JSON.stringify({ ...good, amount: 0 }), "amount"],
  ["a broken amount", JSON.stringify({ ...good, amount: 1.5 }), "amount"],
  ["an empty name", JSON.stringify({ ...good, customer: "" }), "customer"],
  ["a field that is not known", JSON.stringify({ ...good, price: 1 }), "price"],
  ["too much", JSON.stringify({ ...good, item: "x".repeat(20_000) }), "16384 are the most"],
])("%s is refused with 400 and changes nothing", async (_, body, said) => {
  const before = ledger.figures.orders;
  const answer = await post(body);
  expect(answer.status).toBe(400);
  const { error } = failure.parse(answer.body);
  expect(error.code).toBe("InvalidRequest");
  expect(error.message).toContain(said);
  expect(ledger.figures.orders).toBe(before);
});

test.each(["/orders?limit=0", "/orders?limit=many", "/orders?after=-1", "/orders?page=2"])(
  "%s is refused with 400",
  async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(400);
    expect(failure.parse(body).error.code).toBe("InvalidRequest");
  },
);

test("a path that is not there is answered with 404 and those that are", async () => {
  const { status, body } = await get("/order");
  expect(status).toBe(404);
  expect(failure.parse(body).error.message).toContain("POST /orders");
});
