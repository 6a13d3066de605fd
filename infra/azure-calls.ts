import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { apiVersionOf } from "../engine/azure/api-versions.ts";
import { CALLS, type CustomRole, type DeclaredCall, ROLES, actionsOf } from "../engine/azure/calls.ts";
import { DATA_ROLES } from "./data-roles.ts";

/** `npm run azure-calls`: writes what is made of `engine/azure/calls.ts`. A test says when it was forgotten. */
const FILES: Readonly<Record<string, () => string>> = {
  "docs/azure-calls.md": page,
  "infra/roles.json": rolesFile,
};

const DESCRIPTIONS: Readonly<Record<CustomRole, string>> = {
  inventory:
    "Given on the subscription. Reads which machines there are, what is offered and used, locks and role assignments, and polls long-running calls.",
  source:
    "Given on each resource group with machines to protect. Reads them, installs the agent, makes the cache account.",
  target: "Given on each resource group that machines fail over to. Makes everything that a failover needs.",
};

/** The actions of each role, sorted: those of its calls and no others. */
export function roleActions(calls: readonly DeclaredCall[] = CALLS): Record<CustomRole, string[]> {
  const of = (role: CustomRole) => {
    const actions = calls.filter(({ roles }) => roles.includes(role)).flatMap(actionsOf);
    return [...new Set(actions)].toSorted((a, b) => a.localeCompare(b));
  };
  return { inventory: of("inventory"), source: of("source"), target: of("target") };
}

/** Files that do not say what the table says. */
export const outdated = (root: string): string[] =>
  Object.entries(FILES).flatMap(([file, content]) =>
    readFileSync(path.join(root, file), "utf8") === content() ? [] : [file],
  );

function rolesFile(): string {
  const actions = roleActions();
  const roles = ROLES.map((role) => [role, { description: DESCRIPTIONS[role], actions: actions[role] }]);
  return `${JSON.stringify(Object.fromEntries(roles), undefined, 2)}\n`;
}

function page(): string {
  const actions = roleActions();
  return `# What Leeward asks of Azure

Written by \`npm run azure-calls\` from \`engine/azure/calls.ts\`; do not edit it here. The app sends no other call to Azure Resource
Manager: one that is not in that table is refused before it leaves the process, so the roles that are made of it are enough, and hold
nothing that no call needs.

## Calls

| call | version | action | roles | why |
|---|---|---|---|---|
${CALLS.map(row).join("\n")}

Versions are pinned in \`engine/azure/api-versions.ts\`. An action in a second line is one that Azure checks as well, for what the body links to
or the query asks for.

## Custom roles

\`infra/app/custom-roles.bicep\` defines them from \`infra/roles.json\`; the app's identity gets them, and nobody else.

${ROLES.map((role) => `### Leeward ${role}\n\n${DESCRIPTIONS[role]}\n\n${actions[role].map((action) => `- \`${action}\``).join("\n")}`).join("\n\n")}

None of them gives rights to others: Leeward assigns no roles, unless \`LEEWARD_ROLES_FOR\` is set and somebody gives it the right to besides.

## Built-in roles for data

| role | id | on | why |
|---|---|---|---|
${Object.values(DATA_ROLES)
  .map(({ name, id, on, why }) => `| ${name} | \`${id}\` | ${on} | ${why} |`)
  .join("\n")}

What is asked with them: Blob service (objects, page blobs, snapshots, user-delegation keys), Table service (records) and Queue service (the task hub) of the
accounts, version 2025-11-05 and later; \`POST {key}/wrapkey\` and \`POST {key}/unwrapkey\` of Key Vault, version 7.4. The bytes of a target disk go through the disk's own
SAS, which \`beginGetAccess\` gives.
`;
}

function row(declared: DeclaredCall): string {
  const [, at = ""] = declared.call.split(" ");
  const actions = actionsOf(declared).map((action) => `\`${action}\``);
  return `| \`${declared.call}\` | ${apiVersionOf(at)} | ${actions.join("<br>")} | ${declared.roles.join(", ")} | ${declared.why} |`;
}

if (import.meta.main)
  for (const [file, content] of Object.entries(FILES))
    writeFileSync(path.join(import.meta.dirname, "..", file), content());
