import { enableProtectionRequest } from "../engine/contract/enable-protection.ts";
import type { Plan } from "../engine/contract/plan.ts";
import { hasCode, messageOf } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import { judge } from "../engine/eligibility/verdict.ts";
import type { Wish } from "../engine/recovery/begin.ts";
import type { EnablementPlan } from "../engine/recovery/enablement-plan.ts";
import { FINDINGS, type Found, isError } from "../engine/recovery/findings.ts";
import { type SourceMachine, lastSegment } from "../engine/recovery/item.ts";
import { wayBack } from "../engine/recovery/network-mapping.ts";
import { planFor } from "./enablement-plan.ts";
import { bodyOf, route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";
import { viewResources } from "./plan-view.ts";
import { lookUp } from "./find-item.ts";
import type { Services } from "./services.ts";
import { readSource } from "./source-machine.ts";
import { survey } from "./survey.ts";
import { policyFor, withMappedPolicy } from "./vault/policy-of-item.ts";
import { wishOf } from "./wish.ts";

route(
  "planProtection",
  { method: "POST", path: `${PATHS.item}/leewardPlan`, role: "Reader", versioned: true },
  async ({ request, services }) => {
    const id = itemIn(request);
    const sent = await bodyOf(request, enableProtectionRequest);
    const body = await withMappedPolicy(services, id, sent);
    const base = await policyFor(services, id, body.properties.policyId);
    const wish = wishOf(services.settings, id, body, base);
    return { jsonBody: await dryRun(services, wish) };
  },
);

/**
 * What an enablement with this body would do. Reads Azure and the mappings; nothing is changed, no record either.
 * @throws NotFound when there is no such machine; ArmUnavailable
 */
export async function dryRun(
  services: Pick<Services, "arm" | "records" | "settings" | "offerOf">,
  wish: Wish,
): Promise<Plan> {
  const found = judge(
    await survey(services, {
      ...wish,
      warm: wish.policy.replica === "warm",
      capture: wish.policy.capture,
    }),
  );
  const planned = await attempted(services, wish);
  const errors = [...found.filter(isError).map(finding), ...planned.problems.map(problem)];
  return {
    properties: {
      possible: errors.length === 0,
      targetRegion: services.settings.region,
      errors,
      warnings: found.filter((one) => !isError(one)).map(finding),
      resources: viewResources(planned.plan?.resources ?? []),
      machine: planned.plan && planned.source ? machineView(planned.plan, planned.source) : null,
      networkInterfaces: (planned.plan?.target.nics ?? []).map((nic) => ({
        name: nic.name,
        recoveryName: nic.recoveryName ?? nic.name,
        subnet: nic.subnet,
        address: nic.address ?? null,
        networkSecurityGroup: nic.networkSecurityGroup ?? null,
        applicationSecurityGroups: nic.applicationSecurityGroups ?? [],
      })),
      networkMappings: (planned.plan?.mappings ?? [])
        .flatMap((row) => [row, wayBack(row)])
        .map(({ source, target, subnets }) => ({ source, target, subnets })),
    },
  };
}

/** A machine that cannot be planned for is an answer as well. */
async function attempted(
  services: Pick<Services, "arm" | "records" | "settings">,
  wish: Wish,
): Promise<{ plan?: EnablementPlan; source?: SourceMachine; problems: readonly string[] }> {
  try {
    const source = await readSource(services, wish);
    const plan = await planFor(services, wish, source, await plannedBefore(services, wish));
    return { plan, source, problems: plan.problems };
  } catch (error) {
    if (!hasCode(error, "SourceUnsuitable")) throw error;
    return { problems: [messageOf(error)] };
  }
}

const machineView = ({ target }: EnablementPlan, source: SourceMachine): Plan["properties"]["machine"] => ({
  name: lastSegment(target.vm),
  size: target.size ?? source.vmSize,
  zone: target.zone ?? null,
  disks: source.disks.map(({ id, name, index, sku }) => ({
    id,
    name,
    kind: target.disks?.find((disk) => disk.index === index)?.sku ?? sku,
  })),
});

/** By an enablement of this item that has begun. */
async function plannedBefore({ records }: Pick<Services, "records">, { id, vmId }: Wish) {
  const item = (await lookUp({ records }, id))?.value;
  if (!item || !sameArmId(item.vmId, vmId)) return undefined;
  return (await records.plans.get(item.machine))?.value.resources;
}

const finding = ({ code, message }: Found) => ({ code, message, recommendedAction: FINDINGS[code].remedy });

const problem = (message: string) => ({
  code: "SourceUnsuitable",
  message,
  recommendedAction: "Change the field that is named, or the machine.",
});
