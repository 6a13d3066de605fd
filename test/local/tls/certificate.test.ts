import { once } from "node:events";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer, get } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { checkServerIdentity } from "node:tls";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ensureCertificates } from "../../../local/tls/certificate.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "leeward-tls-"));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

const contents = async () => {
  const { ca, cert, key } = await ensureCertificates(directory);
  return Promise.all([ca, cert, key].map((file) => readFile(file, "utf8")));
};

test("a server with it is trusted under each loopback name by those who trust the CA, and by nobody else", async () => {
  const [ca, cert, key] = await contents();
  const server = createServer({ cert, key }, (_, answer) => void answer.end("hello"));
  server.listen(0, "localhost");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const ask = (name: string, trusted?: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { port, host: "localhost", agent: false, ca: trusted };
      get({ ...options, checkServerIdentity: (_, found) => checkServerIdentity(name, found) }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on("error", reject);
    });
  for (const name of ["localhost", "127.0.0.1"]) expect(await ask(name, ca)).toBe(200);
  await expect(ask("example.org", ca)).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  await expect(ask("localhost")).rejects.toMatchObject({
    code: expect.stringMatching(/VERIFY|SIGNED|ISSUER/),
  });
  server.close();
});

test("the CA signs and serves nobody, the server's certificate serves and signs nothing", async () => {
  const [ca = "", cert = ""] = await contents();
  const [authority, server] = [new X509Certificate(ca), new X509Certificate(cert)];
  expect(authority.ca).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.checkIssued(authority)).toBe(true);
  expect(server.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  // Not by a connection: Node 22.23 compares an IPv6 address with host names only.
  expect(server.checkIP("::1")).toBe("::1");
  expect(server.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
});

test("nobody else may read the key, and the CA's key is nowhere", async () => {
  const { key } = await ensureCertificates(directory);
  expect((await stat(key)).mode & 0o777).toBe(0o600);
  expect((await readdir(directory)).toSorted()).toEqual(["ca.pem", "server.key", "server.pem"]);
});

test("asking again changes nothing", async () => {
  const first = await contents();
  expect(await contents()).toEqual(first);
});

test("it is renewed before it runs out", async () => {
  const [, first = ""] = await contents();
  vi.useFakeTimers({ now: Date.now() + 300 * 24 * 3600_000, toFake: ["Date"] });
  expect((await contents())[1]).toBe(first);
  vi.setSystemTime(Date.now() + 40 * 24 * 3600_000);
  const [ca = "", cert = ""] = await contents();
  expect(cert).not.toBe(first);
  expect(new X509Certificate(cert).verify(new X509Certificate(ca).publicKey)).toBe(true);
});

test.each(["ca.pem", "server.pem", "server.key"])(
  "a damaged, missing or foreign %s is made anew",
  async (file) => {
    const place = path.join(directory, file);
    const foreign = await contents();
    await rm(place);
    await contents();
    await writeFile(place, "damaged");
    await contents();
    await writeFile(place, foreign[["ca.pem", "server.pem", "server.key"].indexOf(file)] ?? "");
    const [ca = "", cert = "", key = ""] = await contents();
    expect(new X509Certificate(cert).verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(foreign).not.toContain(key);
  },
);
