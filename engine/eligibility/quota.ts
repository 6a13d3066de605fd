import { type Sku, capability } from "../azure/sku.ts";
import type { Usage } from "../azure/usage.ts";
import type { Found } from "../recovery/findings.ts";

/** Quotas of disks, by kind. */
const DISK_QUOTAS: Readonly<Record<string, string>> = {
  Standard_LRS: "StandardDiskCount",
  StandardSSD_LRS: "StandardSSDDiskCount",
  StandardSSD_ZRS: "StandardSSDZRSDiskCount",
  Premium_LRS: "PremiumDiskCount",
  Premium_ZRS: "PremiumZRSDiskCount",
  PremiumV2_LRS: "PremiumV2DiskCount",
  UltraSSD_LRS: "UltraSSDDiskCount",
};

/** What a machine is counted as. */
export interface Counted {
  readonly machines: number;
  readonly cores: number;
  /** What the quota of its size's family is named. */
  readonly family?: string | undefined;
  /** SKU of each disk. */
  readonly diskKinds: readonly string[];
  readonly interfaces: number;
}

export interface Quotas {
  /** Undefined where they could not be read. */
  readonly compute?: readonly Usage[] | undefined;
  readonly network?: readonly Usage[] | undefined;
}

/** The cores that a size is counted as; 0 where Azure does not say. */
export const coresOf = (size: Sku): number =>
  Number(capability(size, "vCPUsAvailable") ?? capability(size, "vCPUs") ?? 0);

/** The quotas that have no room for it. One that is not among them, or could not be read, is taken to have room. */
export function shortages(wanted: Counted, { compute = [], network = [] }: Quotas): Found[] {
  const needs = needsOf(wanted);
  const found = (usages: readonly Usage[], which: "compute" | "network") =>
    needs[which].map(({ code, quota, count }) => lacking(code, usages, quota, count));
  return [...found(compute, "compute"), ...found(network, "network")].filter((one) => one !== undefined);
}

/** The quotas as they were without what is there of it already: a machine that is built again needs its room once. */
export function without(held: Counted, { compute, network }: Quotas): Quotas {
  const needs = needsOf(held);
  const freed = (usages: readonly Usage[] | undefined, which: "compute" | "network") =>
    usages?.map((usage) => {
      const mine = needs[which].filter(({ quota }) => isNamed(usage, quota));
      return { ...usage, used: Math.max(usage.used - mine.reduce((sum, { count }) => sum + count, 0), 0) };
    });
  return { compute: freed(compute, "compute"), network: freed(network, "network") };
}

interface Need {
  readonly code: Found["code"];
  readonly quota: string;
  readonly count: number;
}

/** Each quota that counts it. */
function needsOf({ cores, family, diskKinds, machines, interfaces }: Counted) {
  const kinds = Map.groupBy(diskKinds, (kind) => DISK_QUOTAS[kind] ?? "");
  const compute: readonly Need[] = [
    { code: "QuotaCores", quota: "cores", count: cores },
    { code: "QuotaCores", quota: family ?? "", count: cores },
    { code: "QuotaMachines", quota: "virtualMachines", count: machines },
    ...[...kinds].map(([quota, some]) => ({ code: "QuotaDisks" as const, quota, count: some.length })),
  ];
  const network: readonly Need[] = [{ code: "QuotaNetwork", quota: "NetworkInterfaces", count: interfaces }];
  return { compute, network };
}

const isNamed = ({ name }: Usage, quota: string): boolean => name.toLowerCase() === quota.toLowerCase();

function lacking(
  code: Found["code"],
  usages: readonly Usage[],
  quota: string,
  needs: number,
): Found | undefined {
  const usage = usages.find((one) => isNamed(one, quota));
  if (!usage || needs <= 0 || usage.used + needs <= usage.limit) return undefined;
  const left = Math.max(usage.limit - usage.used, 0);
  return { code, message: `${usage.words}: ${needs} are needed, ${left} of ${usage.limit} are left` };
}
