import http from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { registry, triggerOf } from "../../../local/functions-host/core-api.ts";
import { OPERATOR } from "../arm/fixture.ts";
import { VirtualClock } from "../functions-host/virtual-clock.ts";
import { type Served, serveApp } from "./served-app.ts";
import { CALLERS, type CallerName, type Endpoint, type SurfaceCall, surfaceCalls } from "./surface-calls.ts";

/*
 * The whole surface of the real app, with requests that are wrong in every way that one can think of: none is answered as
 * if the app were at fault, and none that is refused has changed anything. Time stands still, so that nothing else does.
 */

const REQUESTS = Number(process.env["LEEWARD_SURFACE"] ?? 20_000);
/** What is stored is looked at so often: behind so many requests. */
const BATCH = 50;
const seed = Number(process.env["LEEWARD_SEED"] ?? 1);

let app: Served;
const tokens = new Map<CallerName, string>();
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

beforeAll(async () => {
  const others = CALLERS.filter((name) => name !== "Admin");
  app = await serveApp({
    clock: new VirtualClock(new Date().toISOString()),
    identities: others.map((name, at) => ({
      name,
      secret: `${name}-secret-00000001`,
      objectId: `44444444-4444-4444-8444-44444444444${at}`,
      roles: name === "Nobody" ? [] : [`Leeward.${name}`],
      arm: false,
    })),
  });
  for (const name of CALLERS)
    tokens.set(name, await app.token(name === "Admin" ? OPERATOR.secret : `${name}-secret-00000001`));
});
afterAll(async () => {
  agent.destroy();
  await app.close();
});

test(`${REQUESTS} requests, most of them wrong: none finds the app at fault, and none that is refused changes anything`, async () => {
  const calls = fc.sample(surfaceCalls(endpoints(), known(), bodies()), { numRuns: REQUESTS, seed });
  const statuses = new Map<number, number>();
  const atFault: string[] = [];
  const changes: string[] = [];
  let before = await settled();
  for (let at = 0; at < calls.length; at += BATCH) {
    const batch = calls.slice(at, at + BATCH);
    const answers = await Promise.all(batch.map(async (call) => ({ call, ...(await send(call)) })));
    for (const { status, call, text } of answers) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500) atFault.push(`${status} ${shown(call)}: ${text}`);
    }
    const after = await settled();
    const accepted = answers.some(({ call, status }) => call.method !== "GET" && status < 300);
    if (!accepted && after.join() !== before.join())
      changes.push(
        [`requests ${at} to ${at + BATCH}`, ...different(before, after), ...batch.map(shown)].join("\n"),
      );
    before = after;
  }
  console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(statuses))}`);
  expect({ atFault, changes }, `seed ${seed}`).toEqual({ atFault: [], changes: [] });
  // Else the calls would all have been refused for one and the same reason.
  for (const status of [200, 400, 401, 403, 404])
    expect(statuses.get(status) ?? 0).toBeGreaterThan(REQUESTS / 200);
}, 900_000);

const different = (before: readonly string[], after: readonly string[]) => [
  ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
  ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
];

async function settled(): Promise<string[]> {
  await app.host.idle();
  return (await app.fingerprint()).toSorted();
}

/** Every HTTP function of the app. */
function endpoints(): Endpoint[] {
  return [...registry.functions.values()].flatMap((fn) => {
    const { type, options } = triggerOf(fn);
    // The agent's package lies beside the built app only.
    if (type !== "httptrigger" || fn.name === "agentPackage") return [];
    const { route, methods } = trigger.parse(options);
    return [{ template: route, methods }];
  });
}
const trigger = z.object({ route: z.string(), methods: z.array(z.string()) });

/** What is there, by the names of route parameters. */
function known(): Record<string, string[]> {
  const [, , subscription = "", , group = ""] = app.item.id.split("/");
  return {
    subscription: [subscription, subscription.toUpperCase()],
    group: [group, "source"],
    vault: ["leeward-vault", "LEEWARD-vault", "other"],
    fabric: ["f", "F", "azure"],
    container: ["c", "C", "other"],
    item: ["Shop", "SHOP", "other"],
    machine: [app.item.machine, "nobody"],
    vm: ["shop", "other"],
    job: [app.item.job.operation, "x"],
    operation: [app.item.job.operation, "x"],
    network: ["azureNetwork", "net"],
    point: ["00000000-0000-4000-8000-000000000000", "latest"],
  };
}

/** Bodies that some route takes; each is changed in one place before it is sent. */
function bodies(): unknown[] {
  const { vmId, target, source } = app.item;
  const group = target?.resourceGroup;
  const details = { instanceType: "A2A" };
  return [
    {},
    { properties: {} },
    {
      properties: {
        providerSpecificDetails: {
          ...details,
          fabricObjectId: vmId,
          recoveryResourceGroupId: group,
          vmManagedDisks: source?.disks.map(({ id }) => ({ diskId: id })),
        },
        leeward: { policy: { replica: "none", pointInterval: 60_000 } },
      },
    },
    {
      properties: {
        failoverDirection: "PrimaryToRecovery",
        providerSpecificDetails: { ...details, recoveryPointId: `${app.item.id}/recoveryPoints/x` },
        leeward: { at: "2026-01-01T00:00:00Z", sequence: 12 },
      },
    },
    {
      properties: {
        failoverDirection: "PrimaryToRecovery",
        networkType: "VmNetworkAsInput",
        networkId: target?.network,
        providerSpecificDetails: details,
      },
    },
    {
      properties: {
        disableProtectionReason: "NotSpecified",
        replicationProviderInput: { instanceType: "DisableProtectionProviderSpecificInput" },
        leeward: { keepPoints: true },
      },
    },
    {
      properties: {
        leeward: { policy: { retention: { window: 86_400_000 }, verifyInterval: 900_000, drillDays: 30 } },
      },
    },
    {
      properties: {
        recoveryFabricName: "azure",
        recoveryNetworkId: target?.network,
        fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: target?.network },
      },
    },
    { properties: { settings: { interval: 300_000, hold: 100 } } },
    { properties: { multiVmGroupName: "Offices" } },
    { properties: { comments: "it was a drill" } },
    { properties: { good: { generation: 1, sequence: 2 }, bad: { generation: 1, sequence: 3 } } },
    [{ eventType: "Microsoft.Resources.ResourceWriteSuccess", subject: vmId, data: { resourceUri: vmId } }],
  ];
}

function send(call: SurfaceCall): Promise<{ status: number; text: string }> {
  const { method, target, body } = call;
  const { hostname, port } = new URL(app.host.url);
  return new Promise((resolve, reject) => {
    const request = http.request(
      { agent, hostname, port, method, path: target, headers: headersOf(call) },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString().slice(0, 500) }),
        );
        answer.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function headersOf({ caller, spoil, headers, body }: SurfaceCall): Record<string, string> {
  const token = tokens.get(caller) ?? "";
  const authorization = SPOILT[spoil](token);
  return {
    "content-type": "application/json",
    ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
    ...headers,
    ...(authorization !== undefined && { authorization }),
  };
}

const SPOILT: Record<SurfaceCall["spoil"], (token: string) => string | undefined> = {
  none: (token) => `Bearer ${token}`,
  missing: () => undefined,
  scheme: (token) => `Basic ${token}`,
  cut: (token) => `Bearer ${token.slice(0, -5)}`,
  signature: (token) =>
    `Bearer ${token.replace(/[^.]+$/, (signature) => signature.split("").toReversed().join(""))}`,
  unsigned: (token) =>
    `Bearer ${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${token.split(".")[1]}.`,
};

const shown = ({ method, target, caller, spoil, headers, body }: SurfaceCall): string =>
  `${method} ${target.slice(0, 400)} as ${caller} (${spoil}) ${JSON.stringify(headers).slice(0, 100)} ${body?.slice(0, 600) ?? ""}`;
