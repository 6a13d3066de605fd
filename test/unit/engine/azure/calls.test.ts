import { expect, test } from "vitest";
import { apiVersionOf } from "../../../../engine/azure/api-versions.ts";
import { CALLS, actionsOf, declaredCall } from "../../../../engine/azure/calls.ts";

const GROUP = "/subscriptions/s/resourceGroups/g";

const parts = (call: string): [string, string] => {
  const [method = "", path = ""] = call.replaceAll(/[{}]/g, "").split(" ");
  return [method, path];
};

test.each(CALLS)("$call is found by itself only, has a version, a role and a reason", (declared) => {
  const [method, path] = parts(declared.call);
  expect(declaredCall(method, path)).toBe(declared);
  expect(apiVersionOf(path)).toMatch(/^\d{4}-\d\d-\d\d$/);
  // A right that no role gives is the deployer's to give, and the reason says so.
  expect(declared.roles.length > 0 || declared.why.endsWith("by whoever gave it the right to")).toBe(true);
  expect(declared.why).toMatch(/^\S.*[^.]$/);
});

test("paths are compared as ARM compares them", () => {
  expect(declaredCall("GET", `${GROUP.toLowerCase()}/providers/microsoft.compute/DISKS/d`)).toBeDefined();
});

test.each([
  ["GET", `${GROUP}/providers/Microsoft.Compute/disks/d/more`],
  ["GET", `${GROUP}/providers/Microsoft.Compute/disks`],
  ["DELETE", `${GROUP}`],
  ["POST", `${GROUP}/providers/Microsoft.Storage/storageAccounts/a/listKeys`],
])("%s %s is not declared", (method, path) => {
  expect(declaredCall(method, path)).toBeUndefined();
});

test.each([
  ["PUT /subscriptions/{s}/resourceGroups/{g}", "Microsoft.Resources/subscriptions/resourceGroups/write"],
  ["GET /subscriptions/{s}", "Microsoft.Resources/subscriptions/read"],
  ["GET /subscriptions/{s}/locations", "Microsoft.Resources/subscriptions/locations/read"],
  ["GET /subscriptions/{s}/providers/Microsoft.Compute", "Microsoft.Resources/subscriptions/providers/read"],
  [`GET ${GROUP}/providers/Microsoft.Compute/disks/d`, "Microsoft.Compute/disks/read"],
  [`DELETE ${GROUP}/providers/Microsoft.Compute/disks/d`, "Microsoft.Compute/disks/delete"],
  [
    `PUT ${GROUP}/providers/Microsoft.Compute/virtualMachines/v/extensions/e`,
    "Microsoft.Compute/virtualMachines/extensions/write",
  ],
  [
    `POST ${GROUP}/providers/Microsoft.Compute/disks/d/endGetAccess`,
    "Microsoft.Compute/disks/endGetAccess/action",
  ],
  [
    "GET /subscriptions/s/providers/Microsoft.Network/locations/l/operationResults/o",
    "Microsoft.Network/locations/operationResults/read",
  ],
])("the action of %s is %s", (call, action) => {
  expect(actionsOf({ call, roles: ["target"], why: "" })).toEqual([action]);
});
