import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { apiVersionOf } from "../../../engine/azure/api-versions.ts";
import { CALLS } from "../../../engine/azure/calls.ts";
import { DATA_ROLES } from "../../../infra/data-roles.ts";
import { readSettings } from "../../../functions/settings.ts";
import { AZURE_SPECS } from "../../fixtures/azure-specs.ts";
import { type Bicep, parseFile, parseText, propertiesOf } from "./bicep.ts";
import { bicepTypes } from "./bicep-types.ts";
import { openApi } from "./openapi.ts";
import { problemsOfNames } from "./symbols.ts";
import { typesOf } from "./types.ts";

const INFRA = path.join(import.meta.dirname, "../../../infra");
const files = globSync("**/*.bicep", { cwd: INFRA }).toSorted();
const main = parseFile(path.join(INFRA, "main.bicep"));
const app = parseFile(path.join(INFRA, "app/function-app.bicep"));

test.each(files)("%s: syntax, names, modules and their parameters and outputs are right", (file) => {
  expect(problemsOfNames(parseFile(path.join(INFRA, file)))).toEqual([]);
});

test.each(files)(
  "%s: versions are those of the app's own calls, where it makes some of this type",
  (file) => {
    expect(versionProblems(parseFile(path.join(INFRA, file)))).toEqual([]);
  },
);

/** Types that the app calls itself have one version in all of Leeward. */
function versionProblems({ resources }: Bicep): string[] {
  const called = new Map(
    CALLS.flatMap(({ call }) => {
      const [, at = ""] = call.split(" ");
      return [[typeOf(at), apiVersionOf(at)] as const];
    }),
  );
  return [...resources.values()].flatMap(({ type, version }) => {
    const pinned = [...called].find(([known]) => `${type}/`.toLowerCase().startsWith(`${known}/`))?.[1];
    return pinned === undefined || pinned === version ? [] : [`${type}@${version}: Leeward speaks ${pinned}`];
  });
}

function typeOf(at: string): string {
  // Of what hangs on another resource, the last counts.
  const owned = at.toLowerCase().split("/providers/").slice(1).at(-1);
  if (owned === undefined) return "microsoft.resources/resourcegroups";
  const [namespace, type] = owned.split("/");
  return `${namespace}/${type}`;
}

test("main.bicepparam gives parameters that there are, and all that are needed", () => {
  const text = readFileSync(path.join(INFRA, "main.bicepparam"), "utf8");
  const given = [...text.matchAll(/^param (\w+) = /gm)].map(([, name]) => name ?? "");
  expect(text).toMatch(/^using '\.\/main\.bicep'$/m);
  expect(given.filter((name) => !main.params.has(name))).toEqual([]);
  expect(
    [...main.params].flatMap(([name, { required }]) => (required && !given.includes(name) ? [name] : [])),
  ).toEqual([]);
});

test("the app reads every LEEWARD_ setting that it is given, and is given all that it needs", () => {
  const always = app.variables.get("always");
  const given = [...(always ? propertiesOf(always).keys() : [])].filter((name) =>
    name.startsWith("LEEWARD_"),
  );
  const code = globSync("functions/**/*.ts", { cwd: path.join(INFRA, "..") })
    .map((file) => readFileSync(path.join(INFRA, "..", file), "utf8"))
    .join("\n");
  expect(given.filter((name) => !code.includes(name))).toEqual([]);
  const guid = "00000000-0000-4000-8000-000000000000";
  const samples: Record<string, string> = {
    LEEWARD_CLIENT_ID: guid,
    LEEWARD_SUBSCRIPTION_ID: guid,
    LEEWARD_REGION: "westeurope",
    LEEWARD_CLOUD: "public",
    LEEWARD_TARGET_BLOB_ENDPOINT: "https://a.blob.core.windows.net",
    LEEWARD_TARGET_TABLE_ENDPOINT: "https://a.table.core.windows.net",
  };
  const values = Object.fromEntries(given.map((name) => [name, samples[name] ?? "https://example.org/x"]));
  expect(readSettings(values).clientId).toBe(guid);
});

test("built-in roles are given where docs/azure-calls.md says, and no others", () => {
  const text = files.map((file) => readFileSync(path.join(INFRA, file), "utf8")).join("\n");
  const ids = [...text.matchAll(/'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'/g)].map(([, id]) => id);
  const known = Object.values(DATA_ROLES).map(({ id }) => id);
  expect(new Set(ids)).toEqual(new Set(known));
});

test("the deployment that azd takes down makes nothing in a group with machines", () => {
  expect([...main.modules.values()].map(({ from }) => from)).not.toContain("access.bicep");
  expect(
    [...parseFile(path.join(INFRA, "app/control-plane.bicep")).modules.values()].map(({ from }) => from),
  ).not.toContain("../access.bicep");
});

describe.skipIf(!AZURE_SPECS)("against the published schemas", () => {
  const specs = AZURE_SPECS ?? "";
  const exact = openApi(path.join(specs, "openapi"));
  const types = bicepTypes(path.join(specs, "bicep-types"));
  const shapes = (...wanted: Parameters<typeof types>) => types(...wanted) ?? exact(...wanted);

  test.each(files)("%s: types and properties are right", (file) => {
    expect(typesOf(parseFile(path.join(INFRA, file)), shapes).problems).toEqual([]);
  });

  test("only these have no schema at hand at their version", () => {
    const unchecked = files.flatMap((file) => typesOf(parseFile(path.join(INFRA, file)), shapes).unchecked);
    expect([...new Set(unchecked)].toSorted()).toEqual([
      "Microsoft.EventGrid/eventSubscriptions@2025-02-15",
      "Microsoft.Insights/components@2020-02-02",
      "Microsoft.KeyVault/vaults/keys@2023-07-01",
      "Microsoft.KeyVault/vaults@2023-07-01",
      "Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31",
      "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01",
      "Microsoft.Network/privateDnsZones@2024-06-01",
      "Microsoft.OperationalInsights/workspaces@2023-09-01",
    ]);
  });

  test("a misspelt property of a type that is described by OpenAPI is found", () => {
    const { file, root } = parseFile(path.join(INFRA, "app/storage.bicep"));
    const wrong = parseText(file, root.text.replace("allowSharedKeyAccess", "allowSharedKeysAccess"));
    expect(typesOf(wrong, shapes).problems).toEqual([
      expect.stringContaining("unknown property allowSharedKeysAccess"),
    ]);
  });

  test.each([
    ["a misspelt property", "httpsOnly: true", "httpOnly: true", "unknown property httpOnly"],
    [
      "a misspelt property far inside",
      "instanceMemoryMB",
      "instanceMemoryMb",
      "unknown property instanceMemoryMb",
    ],
    ["another type", "httpsOnly: true", "httpsOnly: 'yes'", "a string, where a boolean is wanted"],
    [
      "a value that is none of the listed",
      "type: 'blobContainer'",
      "type: 'blob'",
      "is none of blobContainer",
    ],
    [
      "a property that is not there to read",
      "app.properties.defaultHostName",
      "app.properties.hostName",
      "app.properties.hostName is not in the schema",
    ],
    ["what is missing", "  location: location\n  tags: union", "  tags: union", "location is missing"],
  ])("%s is found", (_, right, wrong, said) => {
    const text = app.root.text;
    expect(text).toContain(right);
    const { problems } = typesOf(parseText(app.file, text.replaceAll(right, wrong)), shapes);
    expect(problems.join("\n")).toContain(said);
  });
});

describe("what is found", () => {
  const damaged = (bicep: Bicep, right: string, wrong: string): Bicep => {
    expect(bicep.root.text).toContain(right);
    return parseText(bicep.file, bicep.root.text.replace(right, wrong));
  };
  test.each([
    ["broken syntax", "var tags = {", "var tags = {{", "syntax error"],
    ["an unknown name", "location: location\n", "location: locaton\n", "unknown name locaton"],
    ["an unknown function", "guid(", "giud(", "unknown function giud"],
    [
      "a loop's variable outside of its loop",
      "var everywhere = subscription()",
      "var everywhere = role",
      "unknown name role",
    ],
    [
      "a parameter that the module does not have",
      "    storageSku: ",
      "    storageSkus: ",
      "has no parameter storageSkus",
    ],
    [
      "a parameter that the module needs",
      "    audience: audience\n",
      "",
      "app/control-plane.bicep needs audience",
    ],
    [
      "an output that the module does not have",
      "outputs.principalId",
      "outputs.principal",
      "has no output principal",
    ],
    [
      "a module that is not there",
      "app/tag-events.bicep",
      "app/events.bicep",
      "there is no app/events.bicep",
    ],
    ["a module of another scope", "  scope: group\n", "", "is for a resourceGroup"],
    ["what nobody uses", "var tags =", "var unused = 1\nvar tags =", "unused is declared and not used"],
  ])("%s", (_, right, wrong, said) => {
    expect(problemsOfNames(damaged(main, right, wrong)).join("\n")).toContain(said);
  });

  test("another version than Leeward speaks", () => {
    const wrong = damaged(main, "resourceGroups@2024-07-01", "resourceGroups@2025-04-01");
    expect(versionProblems(wrong)).toEqual([
      "Microsoft.Resources/resourceGroups@2025-04-01: Leeward speaks 2024-07-01",
    ]);
  });
});
