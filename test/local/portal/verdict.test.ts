import { describe, expect, test } from "vitest";
import type { EligibilityResults } from "../../../engine/contract/eligibility.ts";
import type { Plan } from "../../../engine/contract/plan.ts";
import { FINDINGS, type FindingCode } from "../../../engine/recovery/findings.ts";
import { present } from "./browser.ts";
import { vmId } from "./fake-api.ts";
import { machine } from "./fixtures.ts";
import { Served } from "./served.ts";

const said = (code: FindingCode, message: string) => ({
  code,
  message,
  possibleCauses: FINDINGS[code].causes,
  recommendedAction: FINDINGS[code].remedy,
  status: FINDINGS[code].level,
});
const verdict = (
  errors: ReturnType<typeof said>[],
  warnings: ReturnType<typeof said>[],
): EligibilityResults => ({
  id: `${vmId("ledger")}/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default`,
  name: "default",
  type: "Microsoft.RecoveryServices/replicationEligibilityResults",
  properties: {
    clientRequestId: null,
    errors,
    leeward: { eligible: errors.length === 0, targetRegion: "northeurope", warnings },
  },
});

describe.skipIf(!present)("the dialog that enables protection", () => {
  const served = new Served();

  test("says what keeps a machine from being protected, and does not offer it then", async () => {
    const { script } = served.api;
    script.machines = [machine("ledger")];
    script.eligibility = verdict([said("SizeMissing", "northeurope has no Standard_M8ms")], []);
    const page = await served.open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    await page.getByText("It cannot be protected.").waitFor();
    const dialog = page.getByRole("dialog");
    expect(await dialog.innerText()).toContain("northeurope has no Standard_M8ms");
    expect(await dialog.innerText()).toContain(FINDINGS.SizeMissing.remedy);
    expect(await page.getByRole("button", { name: "Enable protection", exact: true }).isDisabled()).toBe(
      true,
    );
    await page.close();
  });

  test("says what the copy will lack before it is asked for", async () => {
    const { script } = served.api;
    script.machines = [machine("ledger")];
    script.eligibility = verdict([], [said("VtpmFresh", "ledger uses trusted launch")]);
    const page = await served.open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    await page.getByText("It can be protected.").waitFor();
    expect(await page.getByRole("dialog").innerText()).toContain("BitLocker");
    expect(await page.getByRole("button", { name: "Enable protection", exact: true }).isEnabled()).toBe(true);
    await page.close();
  });

  test("shows what would be made, for the form as it is filled in", async () => {
    const { script } = served.api;
    script.machines = [machine("ledger")];
    script.eligibility = verdict([], []);
    const resource = {
      id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net-recovery",
      name: "net-recovery",
      type: "Microsoft.Network/virtualNetworks",
      role: "network",
      how: "make",
      from: null,
      why: "a network interface is in it",
      sku: null,
      adds: null,
    } as const;
    const answer: Plan = {
      properties: {
        possible: true,
        targetRegion: "northeurope",
        errors: [],
        warnings: [],
        resources: [
          resource,
          {
            ...resource,
            id: `${resource.id}-2`,
            name: "hall-recovery",
            how: "adopt",
            adds: { addressPrefixes: ["10.20.0.0/16"], subnets: ["sql"] },
          },
        ],
        machine: null,
        networkInterfaces: [],
        networkMappings: [],
      },
    };
    script.plan = answer;
    const page = await served.open();
    await page.getByRole("button", { name: "Enable protection of ledger" }).click();
    await page.getByLabel(/Resource group in/).fill("elsewhere");
    await page.getByRole("button", { name: "Show what will be made" }).click();
    await page.getByText("What it comes to (2)").waitFor();
    expect(await page.locator("#plan").innerText()).toContain("net-recovery virtualNetworks: is made.");
    expect(await page.locator("#plan").innerText()).toContain(
      "Added to it: 10.20.0.0/16 of address space, and the subnet sql.",
    );
    expect(JSON.stringify(script.received.at(-1))).toContain("resourceGroups/elsewhere");
    expect(await page.getByRole("button", { name: "Enable protection", exact: true }).isEnabled()).toBe(true);
    await page.close();
  });
});
