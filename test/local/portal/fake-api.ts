import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const PORTAL = fileURLToPath(new URL("../../../portal/", import.meta.url));
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const VAULT = "/subscriptions/sub-1/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/vault-1";
const CONTAINER = `${VAULT}/replicationFabrics/fabric-1/replicationProtectionContainers/container-1`;
export const TOKEN = "token-of-the-test";

export const groupId = (name: string) => `${VAULT}/leewardGroups/${name}`;
export const planId = (name: string) => `${VAULT}/replicationRecoveryPlans/${name}`;
export const jobId = (name: string) => `${VAULT}/replicationJobs/${name}`;
export const itemId = (name: string) => `${CONTAINER}/replicationProtectedItems/${name}`;
export const vmId = (name: string) =>
  `/subscriptions/sub-1/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/${name}`;

interface Received {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** What the API answers; a test changes it while the page looks. */
export interface Script {
  items: unknown[];
  points: unknown[];
  jobs: unknown[];
  machines: unknown[];
  groups: unknown[];
  plans: unknown[];
  commonPoints: unknown[];
  /** Of every machine; without it the app cannot say. */
  eligibility?: unknown;
  /** Of every enablement that is asked about. */
  plan?: unknown;
  /** What the end of a protection would delete. */
  removal?: unknown;
  /** The operation that every write begins. */
  operation?: string;
  /** When set, every write is refused with it. */
  refusal?: { status: number; code: string; message: string; remedy: string };
  /** When set, every read is. */
  outage?: { status: number; code: string; message: string; remedy: string };
  /** When set, the list of machines is refused with it. */
  noAzure?: { status: number; code: string; message: string; remedy: string };
  readonly received: Received[];
}

export interface FakeApi {
  readonly script: Script;
  readonly url: string;
  close(): Promise<void>;
}

/** The app as the portal sees it: its static files under /portal, and the few calls of the API that the page makes. */
export async function startFakeApi(): Promise<FakeApi> {
  const script: Script = {
    items: [],
    points: [],
    jobs: [],
    machines: [],
    groups: [],
    plans: [],
    commonPoints: [],
    received: [],
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void answer(
        script,
        request.method ?? "",
        request.url ?? "/",
        request.headers.authorization,
        Buffer.concat(chunks),
      ).then(({ status, type, body, headers }) =>
        response
          .writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers })
          .end(body),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = z.object({ port: z.number() }).parse(server.address()).port;
  return {
    script,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(
  script: Script,
  method: string,
  url: string,
  token: string | undefined,
  body: Buffer,
): Promise<Answer> {
  const { pathname, searchParams } = new URL(url, "http://app");
  if (pathname === "/portal/config.json") return json(200, CONFIG);
  if (pathname === "/portal" || pathname.startsWith("/portal/")) return await asset(pathname);
  if (token !== `Bearer ${TOKEN}`)
    return failure({
      status: 401,
      code: "Unauthorized",
      message: "the token has expired",
      remedy: "Sign in again.",
    });
  if (searchParams.get("api-version") !== "2025-08-01")
    return failure({
      status: 400,
      code: "MissingApiVersionParameter",
      message: "no api-version",
      remedy: "Send one.",
    });
  if (method === "GET") return script.outage ? failure(script.outage) : read(script, pathname);
  script.received.push({
    method,
    path: pathname,
    body: body.length > 0 ? JSON.parse(body.toString()) : undefined,
  });
  if (pathname.endsWith("/leewardPlan")) return json(200, script.plan);
  return script.refusal ? failure(script.refusal) : accepted(script.operation);
}

const accepted = (operation: string | undefined): Answer => ({
  status: 202,
  type: "application/json",
  body: "",
  ...(operation !== undefined && {
    headers: {
      "azure-asyncoperation": `https://app${VAULT}/replicationOperationStatus/${operation}?api-version=2025-08-01`,
    },
  }),
});

const CONFIG = {
  subscriptionId: "sub-1",
  resourceGroup: "dr",
  vault: "vault-1",
  fabric: "fabric-1",
  container: "container-1",
  region: "northeurope",
};

function read(script: Script, pathname: string): Answer {
  if (/\/leewardGroups\/[^/]+\/recoveryPoints$/.test(pathname))
    return json(200, { value: script.commonPoints });
  if (pathname.endsWith("/replicationEligibilityResults/default") && script.eligibility)
    return json(200, script.eligibility);
  if (pathname.endsWith("/leewardRemoval") && script.removal)
    return json(200, { properties: script.removal });
  if (pathname.endsWith("/recoveryPoints")) return json(200, { value: script.points });
  if (pathname === `${VAULT}/replicationProtectedItems`) return json(200, { value: script.items });
  if (pathname === `${VAULT}/leewardGroups`) return json(200, { value: script.groups });
  if (pathname === `${VAULT}/replicationRecoveryPlans`) return json(200, { value: script.plans });
  if (pathname === `${VAULT}/replicationJobs`) return json(200, { value: script.jobs });
  if (pathname === `${VAULT}/leewardProtectableMachines`)
    return script.noAzure ? failure(script.noAzure) : json(200, { value: script.machines });
  return failure({ status: 404, code: "NotFound", message: `no ${pathname}`, remedy: "Look." });
}

async function asset(pathname: string): Promise<Answer> {
  const name = path.basename(pathname === "/portal" || pathname === "/portal/" ? "index.html" : pathname);
  const text = await readFile(path.join(PORTAL, name), "utf8").catch(() => undefined);
  if (text === undefined) return { status: 404, type: "text/plain", body: "" };
  return { status: 200, type: TYPES[path.extname(name)] ?? "text/plain", body: text };
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: "application/json",
  body: JSON.stringify(value),
});

const failure = ({ status, ...error }: { status: number; code: string; message: string; remedy: string }) =>
  json(status, { error });
