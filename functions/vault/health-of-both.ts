import { healthError } from "../../engine/contract/health-error.ts";
import { type HealthSummary, type VaultHealthView, vaultHealthView } from "../../engine/contract/vault.ts";
import { toIso } from "../../engine/core/clock.ts";
import { CATALOGUE, LeewardError, hasCode, messageOf } from "../../engine/core/errors.ts";
import type { z } from "zod";
import { BRIEF_MS, forwarded, isForwarded } from "../forward.ts";
import type { Call } from "../http.ts";
import { causesOf } from "../health-view.ts";

/** The vault's health with that of the machines that the other region's app has; that it does not answer is an error of the vault. */
export async function healthOfBoth(call: Call, own: VaultHealthView): Promise<VaultHealthView> {
  if (call.services.settings.peerUrl === undefined || isForwarded(call.request)) return own;
  try {
    const answer = await forwarded(call, { patience: BRIEF_MS });
    const there = vaultHealthView.safeParse(jsonOf(answer.body));
    if (answer.status === 200 && there.success) return merged(own, there.data);
    throw new LeewardError("PeerUnreachable", `the other region's app answered ${answer.status}`);
  } catch (error) {
    if (!hasCode(error, "PeerUnreachable")) throw error;
    const vaultErrors = [...own.properties.vaultErrors, unanswered(call, own.id, messageOf(error))];
    return { ...own, properties: { ...own.properties, vaultErrors } };
  }
}

const jsonOf = (body: unknown): unknown => (typeof body === "string" ? JSON.parse(body) : undefined);

/** Fabrics and containers are what either app was told of: the same ones, mostly. */
function merged(own: VaultHealthView, there: VaultHealthView): VaultHealthView {
  const protectedItemsHealth = sumOf(
    own.properties.protectedItemsHealth,
    there.properties.protectedItemsHealth,
  );
  const vaultErrors = [...own.properties.vaultErrors, ...there.properties.vaultErrors];
  return { ...own, properties: { ...own.properties, vaultErrors, protectedItemsHealth } };
}

function sumOf(one: HealthSummary, other: HealthSummary): HealthSummary {
  const names = Object.keys({ ...one.categorizedResourceCounts, ...other.categorizedResourceCounts });
  const count = (name: string) =>
    (one.categorizedResourceCounts[name] ?? 0) + (other.categorizedResourceCounts[name] ?? 0);
  return {
    resourceCount: one.resourceCount + other.resourceCount,
    issues: [...one.issues, ...other.issues],
    categorizedResourceCounts: Object.fromEntries(names.map((name) => [name, count(name)])),
  };
}

const unanswered = ({ services }: Call, vault: string, message: string): z.output<typeof healthError> => ({
  innerHealthErrors: [],
  errorSource: "Leeward",
  errorType: "Replication",
  errorLevel: "Error",
  errorCategory: "Replication",
  errorCode: "PeerUnreachable",
  summaryMessage: message,
  errorMessage: message,
  possibleCauses: causesOf("PeerUnreachable"),
  recommendedAction: CATALOGUE.PeerUnreachable.remedy,
  creationTimeUtc: toIso(services.clock.now()),
  recoveryProviderErrorMessage: null,
  entityId: vault,
  errorId: "PeerUnreachable",
  customerResolvability: "NotAllowed",
});
