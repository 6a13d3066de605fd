import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  AGENT,
  ARM_AUDIENCE,
  NORTH,
  SUBSCRIPTION,
  type TestBox,
  finished,
  groupId,
  idOf,
  startBox,
} from "./fixture.ts";

const PRINCIPAL = "44444444-4444-4444-8444-444444444444";
const CUSTOM = "55555555-5555-4555-8555-555555555555";
const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const S = `/subscriptions/${SUBSCRIPTION}`;
const GROUP = groupId("g");
const NET = idOf("g", "Microsoft.Network/virtualNetworks", "net");
const NIC = idOf("g", "Microsoft.Network/networkInterfaces", "nic");
const subnets = [{ name: "a", properties: { addressPrefix: "10.0.0.0/24" } }];
const network = {
  location: NORTH,
  properties: { addressSpace: { addressPrefixes: ["10.0.0.0/16"] }, subnets },
};
const nic = {
  location: NORTH,
  properties: { ipConfigurations: [{ name: "p", properties: { subnet: { id: `${NET}/subnets/a` } } }] },
};

let box: TestBox;
let authorization: string;
beforeAll(async () => {
  const roles = [
    {
      id: CUSTOM,
      name: "Leeward test",
      actions: ["Microsoft.Network/networkInterfaces/*", "Microsoft.Compute/*/read"],
      notActions: ["Microsoft.Network/networkInterfaces/delete"],
    },
  ];
  box = await startBox({ config: { roles } });
  authorization = `Bearer ${await box.token(AGENT.secret, ARM_AUDIENCE)}`;
  await box.client.put(GROUP, { location: NORTH });
  await finished(box.client, await box.client.put(NET, network));
});
afterAll(() => box.close());

const listed = z.object({ value: z.array(z.object({ id: z.string() })) });
beforeEach(async () => {
  const { body } = await box.client.get(`${S}/providers/Microsoft.Authorization/roleAssignments`);
  for (const { id } of listed.parse(body).value) await box.client.delete(id);
});

let count = 0;
async function assign(role: string, scope: string): Promise<string> {
  const name = `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`;
  const id = `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
  const roleDefinitionId = `${S}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
  const properties = { roleDefinitionId, principalId: PRINCIPAL, principalType: "ServicePrincipal" };
  await box.client.put(id, { properties });
  return id;
}

const versions: readonly (readonly [RegExp, string])[] = [
  [/Microsoft\.Network/, "2024-05-01"],
  [/Microsoft\.Authorization/, "2022-04-01"],
  [/Microsoft\.Compute\/(disks|snapshots)/, "2024-03-02"],
];
async function call(method: string, path: string, body?: object): Promise<[number, string]> {
  const version = versions.find(([pattern]) => pattern.test(path))?.[1] ?? "2024-07-01";
  const answer = await box.call(method, `${path}?api-version=${version}`, { authorization }, body);
  const error = z
    .object({ error: z.object({ code: z.string(), message: z.string() }) })
    .safeParse(answer.body);
  return [answer.status, error.success ? `${error.data.error.code}: ${error.data.error.message}` : ""];
}

test("who has no role may do nothing, and is told which action over which scope", async () => {
  expect(await call("GET", GROUP)).toEqual([
    403,
    expect.stringMatching(
      /^AuthorizationFailed.*'microsoft\.resources\/subscriptions\/resourcegroups\/read' over scope '.*\/g'/,
    ),
  ]);
  expect((await call("GET", `${GROUP}/providers/Microsoft.Compute/disks`))[1]).toContain(
    "microsoft.compute/disks/read",
  );
});

test("a role reaches what is below its scope and nothing beside it, until it is taken away", async () => {
  await box.client.put(groupId("other"), { location: NORTH });
  const id = await assign(READER, GROUP);
  expect((await call("GET", NET))[0]).toBe(200);
  expect((await call("GET", GROUP))[0]).toBe(200);
  expect((await call("GET", groupId("other")))[0]).toBe(403);
  expect((await call("PUT", NET, network))[1]).toMatch(/^AuthorizationFailed.*virtualnetworks\/write/);
  await box.client.delete(id);
  expect((await call("GET", NET))[0]).toBe(403);
});

test("what a body links to needs a right of its own", async () => {
  await assign(CUSTOM, GROUP);
  expect((await call("PUT", NIC, nic))[1]).toMatch(/^LinkedAuthorizationFailed.*subnets\/join\/action/);
  const creationData = { createOption: "Copy", sourceResourceId: idOf("g", "Microsoft.Compute/disks", "d") };
  await assign(CONTRIBUTOR, NET);
  expect((await call("PUT", NIC, nic))[0]).toBe(201);
  const snapshot = idOf("g", "Microsoft.Compute/snapshots", "s");
  const body = { location: NORTH, properties: { creationData } };
  expect((await call("PUT", snapshot, body))[1]).toMatch(/^AuthorizationFailed.*snapshots\/write/);
});

test("what a role leaves out is not given by it, but may be by another", async () => {
  await finished(box.client, await box.client.put(NIC, nic));
  await assign(CUSTOM, GROUP);
  expect((await call("GET", NIC))[0]).toBe(200);
  expect((await call("DELETE", NIC))[1]).toMatch(/^AuthorizationFailed.*networkinterfaces\/delete/);
  await assign(CONTRIBUTOR, NIC);
  expect((await call("DELETE", NIC))[0]).toBe(202);
});

test("a Contributor gives no roles, and everybody may ask what they may", async () => {
  await assign(CONTRIBUTOR, GROUP);
  const scope = `${GROUP}/providers/Microsoft.Authorization`;
  const wanted = { properties: { roleDefinitionId: `${S}/${READER}`, principalId: PRINCIPAL } };
  expect((await call("PUT", `${scope}/roleAssignments/${CUSTOM}`, wanted))[1]).toMatch(
    /^AuthorizationFailed/,
  );
  const answer = await box.call("GET", `${scope}/permissions?api-version=2022-04-01`, { authorization });
  expect(answer.body).toMatchObject({ value: [{ actions: ["*"], notActions: expect.any(Array) }] });
});

test("the same role is not given twice under two names, and one that there is not is not given", async () => {
  await assign(READER, GROUP);
  await expect(assign(READER, GROUP)).rejects.toThrow(/RoleAssignmentExists/);
  await expect(assign(PRINCIPAL, GROUP)).rejects.toThrow(/RoleDefinitionDoesNotExist/);
});

test("a role may be given from the beginning", async () => {
  const assignments = [{ principal: PRINCIPAL, role: READER, scope: S }];
  const other = await startBox({ config: { assignments } });
  try {
    const token = `Bearer ${await other.token(AGENT.secret, ARM_AUDIENCE)}`;
    const read = await other.call("GET", `${S}?api-version=2022-12-01`, { authorization: token });
    expect(read.status).toBe(200);
  } finally {
    await other.close();
  }
});
