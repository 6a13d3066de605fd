import type { HealthSummary, VaultHealthView } from "../../engine/contract/vault.ts";
import { mapInOrder } from "../../engine/core/in-order.ts";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { type HealthError, healthOf } from "../../engine/recovery/health.ts";
import { type ItemRecord, lastSegment } from "../../engine/recovery/item.ts";
import { isGivenAway } from "../../engine/recovery/reversal.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { type Call, route } from "../http.ts";
import { PATHS, vaultIn } from "../paths.ts";
import { configure } from "./configure.ts";
import { healthOfBoth } from "./health-of-both.ts";
import { inventoryOf } from "./inventory.ts";
import { knownOf } from "../known.ts";
import { resultRoute } from "./result.ts";

const one = `${PATHS.vault}/replicationVaultHealth`;
const named = `${one}/default`;

route("getVaultHealth", { method: "GET", path: one, role: "Reader", versioned: true }, async (call) => ({
  jsonBody: await healthOfBoth(call, await health(call, vaultIn(call.request))),
}));

/** Health is read anew each time it is asked for: there is nothing to refresh. */
route(
  "refreshVaultHealth",
  { method: "POST", path: `${named}/refresh`, role: "Reader", versioned: true },
  (call) => configure(call, healthId(vaultIn(call.request)), "refreshHealth", async () => undefined),
);

resultRoute("vaultHealthResult", named, (request) => vaultIn(request), health);

const healthId = (vault: ArmId): ArmId => armId(`${vault}/replicationVaultHealth/default`);

async function health({ services }: Call, vault: ArmId): Promise<VaultHealthView> {
  const { fabrics, containers, items: all } = await inventoryOf(services, vault);
  const items = all.filter((item) => !isGivenAway(item));
  const now = services.clock.now();
  const judged: Judged[] = [];
  const looked = mapInOrder(items, 16, async (item) => ({
    item,
    errors: healthOf(await knownOf(services, item), now),
  }));
  for await (const one of looked) judged.push(one);
  return {
    id: `${vault}/replicationVaultHealth`,
    name: lastSegment(vault),
    type: "Microsoft.RecoveryServices/vaults/replicationVaultHealth",
    properties: {
      vaultErrors: [],
      protectedItemsHealth: {
        resourceCount: items.length,
        issues: issuesOf(judged),
        categorizedResourceCounts: countsOf(judged),
      },
      fabricsHealth: sound(fabrics.length),
      containersHealth: sound(containers.length),
    },
  };
}

interface Judged {
  readonly item: ItemRecord;
  readonly errors: readonly HealthError[];
}

const sound = (resourceCount: number): HealthSummary => ({
  resourceCount,
  issues: [],
  categorizedResourceCounts: { Normal: resourceCount },
});

/** Each error once, with everybody who has it. */
function issuesOf(judged: readonly Judged[]): HealthSummary["issues"] {
  const found = new Map<string, HealthSummary["issues"][number]>();
  for (const { item, errors } of judged)
    for (const { code, level, remedy } of errors) {
      const known = found.get(`${code} ${level}`);
      if (known) known.affectedResourceCorrelationIds.push(item.id);
      else
        found.set(`${code} ${level}`, {
          summaryCode: code,
          category: "Replication",
          severity: level,
          summaryMessage: remedy,
          affectedResourceType: "ProtectedItem",
          affectedResourceSubtype: "A2A",
          affectedResourceCorrelationIds: [item.id],
        });
    }
  return [...found.values()];
}

function countsOf(judged: readonly Judged[]): Record<string, number> {
  const counts: Record<string, number> = { None: 0, Normal: 0, Warning: 0, Critical: 0 };
  for (const { item, errors } of judged) {
    const name = nameOf(item, errors);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function nameOf(item: ItemRecord, errors: readonly HealthError[]): string {
  if (errors.some(({ level }) => level === "Error")) return "Critical";
  if (errors.length > 0) return "Warning";
  return STATES[item.state].replicating ? "Normal" : "None";
}
