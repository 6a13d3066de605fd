import { ArmError } from "./arm-error.ts";
import type { Limits } from "./box-config.ts";
import type { Box } from "./box.ts";

/** What the region gives now: the configuration's limits until somebody changed them. */
export const limitsOf = ({ state, config }: Box, region: string): Limits =>
  state.limits.get(region) ??
  config.regions.find(({ name }) => name === region) ?? { quotas: {}, restrictions: [] };

/** One thing that is counted in a region. */
export interface Usage {
  /** As Azure spells it, e.g. `standardDSv5Family`. */
  readonly name: string;
  readonly title: string;
  readonly current: number;
  /** Without a word of the region's configuration. */
  readonly limit: number;
}

/** `GET …/locations/{region}/usages`, in the words of Compute, Network and Storage alike. */
export const usageBody = (box: Box, region: string, usages: readonly Usage[]) => ({
  value: usages.map(({ name, title, current, limit }) => ({
    unit: "Count",
    currentValue: current,
    limit: limitsOf(box, region).quotas[name] ?? limit,
    name: { value: name, localizedValue: title },
  })),
});

/** @throws ArmError 409 when `more` of it would be above the region's quota. */
export function requireQuota(box: Box, region: string, usage: Usage | undefined, more: number): void {
  if (usage === undefined || more <= 0) return;
  const limit = limitsOf(box, region).quotas[usage.name] ?? usage.limit;
  const required = usage.current + more;
  if (required <= limit) return;
  throw new ArmError(
    409,
    "OperationNotAllowed",
    `Operation could not be completed as it results in exceeding approved ${usage.title} quota. Additional details - Deployment Model: Resource Manager, Location: ${region}, Current Limit: ${limit}, Current Usage: ${usage.current}, Additional Required: ${more}, (Minimum) New Limit Required: ${required}.`,
  );
}
