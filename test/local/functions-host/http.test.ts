import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";

const host = useFixture();

interface Described {
  url: string;
  params: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
}

async function described(target: string, init?: RequestInit): Promise<Described> {
  const answer = await host.fetch(target, init);
  expect(answer.status).toBe(200);
  const value: Described = JSON.parse(await answer.text());
  return value;
}

/** A request as bytes, for what fetch would not send. */
function raw(request: string): Promise<string> {
  const socket = connect(Number(new URL(host.host.url).port), "127.0.0.1");
  socket.end(request);
  return text(socket);
}

test("route parameters are decoded once, and an encoded slash stays encoded", async () => {
  const { params } = await described("/describe/a%20b%2525/c%2Fd%C3%A9");
  expect(params).toEqual({ name: "a b%25", optional: "c%2Fdé" });
});

test("an optional parameter may be missing", async () => {
  expect((await described("/describe/only")).params).toEqual({ name: "only" });
});

test("a required parameter may not", async () => {
  expect((await host.fetch("/describe")).status).toBe(404);
  expect((await host.fetch("/describe/a/b/c")).status).toBe(404);
});

test("literals of a route compare case-insensitively, parameters keep their case", async () => {
  expect((await described("/DESCRIBE/CamelCase")).params).toEqual({ name: "CamelCase" });
});

test("a catch-all takes the rest of the path, or nothing", async () => {
  expect((await described("/files/a/b%20c/d.txt")).params).toEqual({ path: "a/b c/d.txt" });
  expect((await described("/files")).params).toEqual({ path: "" });
});

test("a literal beats a constrained parameter, which beats a free one", async () => {
  expect(await (await host.fetch("/numbers/zero")).text()).toBe("literal");
  expect((await described("/numbers/42")).params).toEqual({ n: "42" });
  expect(await (await host.fetch("/numbers/forty")).text()).toBe("not a number");
});

test("functions of one route are told apart by method, and others answer 404", async () => {
  expect((await host.fetch("/item", { method: "PUT" })).status).toBe(201);
  expect(await (await host.fetch("/item")).text()).toBe("got");
  expect((await host.fetch("/item", { method: "DELETE" })).status).toBe(404);
});

test("without a route the name is the route, for GET and POST", async () => {
  expect(await (await host.fetch("/defaultRoute")).text()).toBe("default");
  expect((await host.fetch("/defaultroute", { method: "POST" })).status).toBe(200);
  expect((await host.fetch("/defaultRoute", { method: "PUT" })).status).toBe(404);
});

test("query values come decoded; repeated ones are joined, as the real host does", async () => {
  const { query, url } = await described("/describe/x?a=1%202&b=&A=3&e=%26");
  expect(query).toEqual({ a: "1 2,3", b: "", e: "&" });
  expect(url).toBe(`${host.host.url}/describe/x?a=1%202&b=&A=3&e=%26`);
});

test("repeated headers are joined by a comma", async () => {
  const answer = await raw(
    "GET /describe/x HTTP/1.1\r\nHost: example.test\r\nX-Twice: 1\r\nX-Twice: 2\r\nConnection: close\r\n\r\n",
  );
  expect(answer).toContain('"x-twice":"1,2"');
  expect(answer).toContain('"url":"http://example.test/describe/x"');
});

test("HEAD is answered without a body, but with its headers", async () => {
  const answer = await host.fetch("/describe/x", { method: "HEAD" });
  expect([answer.status, answer.headers.get("x-method"), await answer.text()]).toEqual([200, "HEAD", ""]);
});

test("any bytes pass as a body, both ways", async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
  const answer = await host.fetch("/bytes", { method: "POST", body: bytes });
  expect(answer.status).toBe(202);
  expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
});

test("a body announced over 100 MB is refused before it is sent", async () => {
  const answer = await raw(
    `POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: ${100 * 1024 * 1024 + 1}\r\n\r\nabc`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
});

test("a body that grows over 100 MB unannounced is refused too", async () => {
  const chunk = `100000\r\n${"x".repeat(1024 * 1024)}\r\n`;
  const head = "POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect(await raw(head + chunk.repeat(101))).toMatch(/^HTTP\/1.1 413 /);
});

test("no result is 204, an error is 500 and tells nothing", async () => {
  expect((await host.fetch("/nothing")).status).toBe(204);
  const failed = await host.fetch("/throwing");
  expect([failed.status, await failed.text()]).toEqual([500, ""]);
  expect(host.logs.join()).toContain("a secret detail");
});

test("cookies arrive with their attributes", async () => {
  const cookies = (await host.fetch("/cookies")).headers.getSetCookie();
  expect(cookies).toEqual(["a=1%202; Path=/; HttpOnly; SameSite=Strict", "b=2; Max-Age=60; Secure"]);
});

test("a function of level function opens to its key and the master key", async () => {
  const { keys } = host.host;
  expect((await host.fetch("/keyed")).status).toBe(401);
  expect((await host.fetch("/keyed?code=wrong")).status).toBe(401);
  expect((await host.fetch(`/keyed?code=${keys.function}`)).status).toBe(200);
  expect((await host.fetch("/keyed", { headers: { "x-functions-key": keys.master } })).status).toBe(200);
});

test("a function of level admin opens to the master key alone", async () => {
  const { keys } = host.host;
  expect((await host.fetch(`/admins?code=${keys.function}`)).status).toBe(401);
  expect((await host.fetch(`/admins?code=${keys.master}`)).status).toBe(200);
});

test.each([
  ["a broken escape", "GET /describe/%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400],
  ["a bad Host header", "GET /describe/x HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400],
  ["no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400],
  ["an unknown path", "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
  ["no HTTP at all", "hello\r\n\r\n", 400],
])("%s is answered cleanly", async (_, request, status) => {
  expect(await raw(request)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});
