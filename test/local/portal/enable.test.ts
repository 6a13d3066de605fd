import { describe, expect, test } from "vitest";
import type { Plan } from "../../../engine/contract/plan.ts";
import { present } from "./browser.ts";
import { vmId } from "./fake-api.ts";
import { machine } from "./fixtures.ts";
import { Served } from "./served.ts";

const here = (type: string, name: string, group = "shop") =>
  `/subscriptions/sub-1/resourceGroups/${group}/providers/${type}/${name}`;
const OS = here("Microsoft.Compute/disks", "ledger-os");
const DATA = here("Microsoft.Compute/disks", "ledger-data");
const NETWORK = here("Microsoft.Network/virtualNetworks", "net");
const resource = { from: null, why: "it is needed", sku: null, adds: null };

const PLAN: Plan = {
  properties: {
    possible: true,
    targetRegion: "northeurope",
    errors: [],
    warnings: [],
    resources: [
      {
        ...resource,
        id: here("Microsoft.Network/virtualNetworks", "net-recovery", "recovered"),
        name: "net-recovery",
        type: "Microsoft.Network/virtualNetworks",
        role: "network",
        how: "make",
        from: NETWORK,
      },
      {
        ...resource,
        id: here("Microsoft.Storage/storageAccounts", "lwc1"),
        name: "lwc1",
        type: "Microsoft.Storage/storageAccounts",
        role: "cache",
        how: "make",
        sku: "Standard_LRS",
      },
    ],
    machine: {
      name: "ledger",
      size: "Standard_D2s_v5",
      zone: null,
      disks: [
        { id: OS, name: "<b>ledger-os</b>", kind: "Premium_LRS" },
        { id: DATA, name: "ledger-data", kind: "Standard_LRS" },
      ],
    },
    networkInterfaces: [
      {
        name: "front",
        recoveryName: "front",
        subnet: `${NETWORK}-recovery/subnets/apps`,
        address: null,
        networkSecurityGroup: null,
        applicationSecurityGroups: [],
      },
    ],
    networkMappings: [],
  },
};

describe.skipIf(!present)("what else an enablement can be asked for", () => {
  const served = new Served();
  const last = () => served.api.script.received.at(-1);
  const openDialog = async () => {
    served.api.script.machines = [machine("ledger")];
    served.api.script.plan = PLAN;
    const page = await served.open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    return page;
  };

  test("is folded away, and shows what would be taken once it is opened", async () => {
    const page = await openDialog();
    const before = served.api.script.received.length;
    expect(await page.getByLabel("Name of its copy").isVisible()).toBe(false);
    await page.getByText("More: names, placement, disks, accounts").press("Enter");
    await page.getByText("What is left empty is taken as the grey text says.").waitFor();
    const grey = (label: string) => page.getByLabel(label, { exact: true }).getAttribute("placeholder");
    expect(await grey("Size")).toBe("Standard_D2s_v5");
    expect(await grey("Subnet")).toBe("apps");
    expect(await grey("Network like net")).toBe("net-recovery");
    expect(await grey("Cache: an account of mine")).toBe("lwc1");
    await page.getByText("<b>ledger-os</b>").waitFor();
    await served.picture(page, "enable-more");
    expect(served.api.script.received.slice(before)).toHaveLength(1);
    await page.getByRole("button", { name: "Enable protection", exact: true }).click();
    await page.getByText("Protection of ledger was started.").waitFor();
    expect(last()?.body).toEqual({
      properties: {
        providerSpecificDetails: {
          instanceType: "A2A",
          fabricObjectId: vmId("ledger"),
          recoveryResourceGroupId: "/subscriptions/sub-1/resourceGroups/shop-northeurope",
        },
        leeward: { policy: { replica: "warm" } },
      },
    });
    await page.close();
  });

  test("is sent as it was chosen, and nothing else", async () => {
    const page = await openDialog();
    await page.getByText("More: names, placement, disks, accounts").click();
    const fill = (label: string, value: string) => page.getByLabel(label, { exact: true }).fill(value);
    const choose = (label: string, value: string) =>
      page.getByLabel(label, { exact: true }).selectOption(value);
    await page.getByLabel("Name of its copy").waitFor();
    await fill("Name", "ledger-dr");
    await fill("Size", "Standard_D4s_v5");
    await choose("Placed in", "A zone");
    await choose("Its number", "2");
    await fill("Name of its copy", "front-dr");
    await fill("Address", "10.7.1.9");
    await page.getByRole("group", { name: "ledger-data" }).getByLabel("Kind").selectOption("Premium_ZRS");
    await fill("Network like net", "hall");
    await choose("Cache: kind", "Premium_LRS");
    await choose("Warm replica: kind", "Standard_ZRS");
    await page.getByRole("button", { name: "Show what will be made" }).click();
    await page.getByText("lwc1 storageAccounts (Standard_LRS): is made.").waitFor();
    for (const width of [1000, 360]) {
      await page.setViewportSize({ width, height: 900 });
      const dialog = page.getByRole("dialog");
      expect(await dialog.evaluate((node) => node.scrollWidth - node.clientWidth)).toBe(0);
      await served.picture(page, `enable-chosen-${width}`);
    }
    await page.getByRole("button", { name: "Enable protection", exact: true }).click();
    await page.getByText("Protection of ledger was started.").waitFor();
    const chosen = {
      properties: {
        providerSpecificDetails: {
          instanceType: "A2A",
          fabricObjectId: vmId("ledger"),
          recoveryResourceGroupId: "/subscriptions/sub-1/resourceGroups/shop-northeurope",
          recoveryAvailabilityZone: "2",
          vmManagedDisks: [{ diskId: OS }, { diskId: DATA, recoveryTargetDiskAccountType: "Premium_ZRS" }],
        },
        leeward: {
          policy: { replica: "warm" },
          target: {
            vmName: "ledger-dr",
            size: "Standard_D4s_v5",
            cacheAccountSku: "Premium_LRS",
            replicaAccountSku: "Standard_ZRS",
            nics: [{ name: "front", recoveryName: "front-dr", address: "10.7.1.9" }],
            names: [{ source: NETWORK, name: "hall" }],
          },
        },
      },
    };
    expect(last()?.body).toEqual(chosen);
    expect(served.api.script.received.at(-2)).toMatchObject({
      path: expect.stringContaining("/leewardPlan"),
      body: chosen,
    });
    await page.close();
  });

  test("is unfolded when something in it cannot be", async () => {
    const page = await openDialog();
    const summary = page.getByText("More: names, placement, disks, accounts");
    await summary.click();
    await page.getByLabel("Proximity placement group").fill("near");
    await summary.click();
    const before = served.api.script.received.filter(({ method }) => method === "PUT").length;
    await page.getByRole("button", { name: "Enable protection", exact: true }).click();
    await expect.poll(() => page.getByLabel("Proximity placement group").isVisible()).toBe(true);
    expect(served.api.script.received.filter(({ method }) => method === "PUT")).toHaveLength(before);
    await page.close();
  });
});
