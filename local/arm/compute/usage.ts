import type { Box } from "../box.ts";
import type { Call, Reply } from "../call.ts";
import { type Usage, requireQuota, usageBody } from "../limit.ts";
import { SIZES, type Size } from "./size.ts";

/** What a subscription has at the beginning, mostly. */
const CORES = 100;
const MACHINES = 25_000;
const SETS = 2_500;
const DISKS = 50_000;

const DISK_USAGES: readonly (readonly [string, string, RegExp])[] = [
  ["StandardDiskCount", "Standard Storage Managed Disks", /^Standard_/],
  ["StandardSSDDiskCount", "StandardSSD Storage Managed Disks", /^StandardSSD_/],
  ["PremiumDiskCount", "Premium Storage Managed Disks", /^Premium_/],
  ["PremiumV2DiskCount", "PremiumV2 Managed Disks", /^PremiumV2_/],
  ["UltraSSDDiskCount", "Ultra SSD Managed Disks", /^UltraSSD_/],
];

/** `GET …/providers/Microsoft.Compute/locations/region/usages`. */
export function usages({ box, path }: Call): Reply {
  const region = path.name.toLowerCase();
  return { status: 200, body: usageBody(box, region, usagesIn(box, region)) };
}

/** Machines count whether they run or are deallocated. */
function usagesIn(box: Box, region: string): Usage[] {
  const machines = box.state.virtualMachines.all().filter(({ location }) => location === region);
  const sizes = machines.map(({ properties }) => SIZES[properties.hardwareProfile.vmSize]);
  const cores = (family?: string) =>
    sizes.reduce((sum, size) => sum + (size && (!family || size.family === family) ? size.cores : 0), 0);
  const families = new Set(Object.values(SIZES).map(({ family }) => family));
  const sets = box.state.availabilitySets.all().filter(({ location }) => location === region);
  const disks = box.state.disks.all().filter(({ location }) => location === region);
  return [
    { name: "availabilitySets", title: "Availability Sets", current: sets.length, limit: SETS },
    { name: "cores", title: "Total Regional vCPUs", current: cores(), limit: CORES },
    { name: "virtualMachines", title: "Virtual Machines", current: machines.length, limit: MACHINES },
    ...[...families].map((family) => ({
      name: family,
      title: `${family.replace(/^standard/, "Standard ").replace(/Family$/, " Family")} vCPUs`,
      current: cores(family),
      limit: CORES,
    })),
    ...DISK_USAGES.map(([name, title, pattern]) => ({
      name,
      title,
      current: disks.filter(({ sku }) => pattern.test(sku.name)).length,
      limit: DISKS,
    })),
  ];
}

const named = (box: Box, region: string, name: string | undefined) =>
  usagesIn(box, region).find((usage) => usage.name === name);

/** @param before the size that the VM has now. @throws ArmError 409. */
export function requireCores(box: Box, region: string, size: Size, before: Size | undefined): void {
  requireQuota(box, region, named(box, region, "cores"), size.cores - (before?.cores ?? 0));
  const kept = before?.family === size.family ? before.cores : 0;
  requireQuota(box, region, named(box, region, size.family), size.cores - kept);
  if (!before) requireQuota(box, region, named(box, region, "virtualMachines"), 1);
}

/** @throws ArmError 409. */
export function requireDisk(box: Box, region: string, sku: string): void {
  const usage = DISK_USAGES.find(([, , pattern]) => pattern.test(sku))?.[0];
  requireQuota(box, region, named(box, region, usage), 1);
}

/** @throws ArmError 409. */
export const requireSet = (box: Box, region: string): void =>
  requireQuota(box, region, named(box, region, "availabilitySets"), 1);
