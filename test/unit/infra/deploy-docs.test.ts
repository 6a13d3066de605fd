import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Role, claimOf } from "../../../functions/auth.ts";
import { proofsFor } from "../../../infra/prove/proofs.ts";

const read = (file: string) => readFileSync(path.join(import.meta.dirname, "../../..", file), "utf8");
const deploy = read("docs/deploy.md");

test("docs/unproven.md lists each proof with its call", () => {
  const text = read("docs/unproven.md");
  const missing = proofsFor("https://app").filter(
    ({ name, call }) => !text.includes(`| ${name} | \`${call}\` |`),
  );
  expect(missing).toEqual([]);
});

test("docs/deploy.md lists every variable of infra/main.bicepparam", () => {
  const names = [...read("infra/main.bicepparam").matchAll(/readEnvironmentVariable\('(\w+)'/g)].map(
    ([, name]) => name ?? "",
  );
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => name !== "AZURE_ENV_NAME" && !deploy.includes(name))).toEqual([]);
});

const registration = z.object({
  api: z.object({ oauth2PermissionScopes: z.array(z.object({ id: z.guid() })) }),
  appRoles: z.array(z.object({ id: z.guid(), value: z.string() })),
});
const { api, appRoles } = registration.parse(JSON.parse(read("infra/app-registration.json")));

test("the app registration has the roles that the API asks for", () => {
  const roles: Role[] = ["Reader", "Operator", "Admin", "Agent", "Events", "Peer"];
  expect(appRoles.map(({ value }) => value)).toEqual(roles.map(claimOf));
  expect(new Set(appRoles.map(({ id }) => id)).size).toBe(roles.length);
});

test("docs/deploy.md names ids of the app registration only, and Microsoft's own", () => {
  const own = [...appRoles, ...api.oauth2PermissionScopes].map(({ id }) => id);
  const azureCli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
  const eventGrid = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
  const named = deploy.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
  expect(named.filter((id) => ![...own, azureCli, eventGrid].includes(id))).toEqual([]);
});

test("links of docs/deploy.md lead somewhere", () => {
  const files = [...deploy.matchAll(/\]\(([\w.-]+\.md)/g)].map(([, file]) => file ?? "");
  expect(files.length).toBeGreaterThan(5);
  for (const file of new Set(files)) expect(read(`docs/${file}`)).toMatch(/^# /);
});
