import { expect, test } from "vitest";
import { apiVersionOf } from "../../../../engine/azure/api-versions.ts";

const group = "/subscriptions/s/resourceGroups/g";

test.each([
  ["/subscriptions/s", "2022-12-01"],
  ["/subscriptions/s/locations", "2022-12-01"],
  [group, "2024-07-01"],
  [`${group}/resources`, "2024-07-01"],
  ["/subscriptions/s/providers/Microsoft.Compute", "2024-07-01"],
  ["/subscriptions/s/providers/Microsoft.Compute/register", "2024-07-01"],
  ["/subscriptions/s/providers/Microsoft.Compute/skus", "2021-07-01"],
  ["/subscriptions/s/providers/Microsoft.Compute/locations/westeurope/usages", "2024-07-01"],
  [`${group}/providers/Microsoft.Compute/virtualMachines/v`, "2024-07-01"],
  [`${group}/providers/Microsoft.Compute/virtualMachines/v/extensions/e`, "2024-07-01"],
  [`${group}/providers/Microsoft.Compute/virtualMachines/v/deallocate`, "2024-07-01"],
  [`${group}/providers/Microsoft.Compute/disks/d`, "2024-03-02"],
  [`${group}/providers/microsoft.compute/DISKS/d/beginGetAccess`, "2024-03-02"],
  [`${group}/providers/Microsoft.Compute/snapshots/d`, "2024-03-02"],
  [`${group}/providers/Microsoft.Network/virtualNetworks/n/CheckIPAddressAvailability`, "2024-05-01"],
  [`${group}/providers/Microsoft.Storage/storageAccounts/a`, "2023-05-01"],
  [
    `${group}/providers/Microsoft.Compute/virtualMachines/v/providers/Microsoft.Authorization/locks/l`,
    "2020-05-01",
  ],
])("%s is asked for as of %s", (path, version) => {
  expect(apiVersionOf(path)).toBe(version);
});

test("a provider that is not in the table is refused before anything is sent", () => {
  expect(() => apiVersionOf(`${group}/providers/Microsoft.Nothing/things/t`)).toThrow(/microsoft.nothing/);
});
