import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import { OPERATOR, SUBSCRIPTION, TENANT, WEST, temporary } from "./fixture.ts";

const MAIN = fileURLToPath(new URL("../../../local/arm/main.ts", import.meta.url));
const ready = z.object({ ready: z.literal(true), url: z.url(), identityEndpoint: z.url(), issuer: z.url() });

let child: ChildProcess | undefined;
afterEach(() => void child?.kill("SIGKILL"));

function run(args: readonly string[]) {
  const started = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  child = started;
  const line = new Promise<string>((resolve) =>
    createInterface({ input: started.stdout }).once("line", resolve),
  );
  const ended = new Promise<number | null>((resolve) => started.once("exit", resolve));
  return { started, line, ended };
}

async function directory() {
  const box = temporary();
  const { cert, key } = await ensureCertificates(path.join(box, "tls"));
  const config = {
    subscription: SUBSCRIPTION,
    tenant: TENANT,
    regions: [{ name: WEST }],
    disks: path.join(box, "disks"),
    identities: [{ ...OPERATOR, objectId: "33333333-3333-4333-8333-333333333333" }],
    adminToken: "admin-token-0000001",
    hypervisor: { box },
  };
  const file = path.join(box, "arm.json");
  writeFileSync(file, JSON.stringify(config));
  return ["--data", path.join(box, "arm"), "--cert", cert, "--key", key, "--box", file];
}

test("it says in one line of JSON where it listens, serves, and ends when it is told to", async () => {
  const { started, line, ended } = run(await directory());
  const { identityEndpoint, url } = ready.parse(JSON.parse(await line));
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const token = await fetch(`${identityEndpoint}?api-version=2019-08-01&resource=a`, {
    headers: { "x-identity-header": OPERATOR.secret },
  });
  expect(token.status).toBe(200);
  started.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test("without its settings it does not start", async () => {
  const { ended } = run(["--data", "/nowhere"]);
  expect(await ended).toBe(1);
});
