import type { Box } from "../box.ts";
import type { Call, Reply } from "../call.ts";
import { limitsOf } from "../limit.ts";
import { SIZES, type Size } from "./size.ts";

const ZONES = ["1", "2", "3"];

const DISK_SKUS: Readonly<Record<string, string>> = {
  Standard_LRS: "Standard",
  StandardSSD_LRS: "Standard",
  StandardSSD_ZRS: "Standard",
  Premium_LRS: "Premium",
  Premium_ZRS: "Premium",
  PremiumV2_LRS: "Premium",
  UltraSSD_LRS: "Ultra",
};

/** `GET …/providers/Microsoft.Compute/skus?$filter=location eq 'region'`. No other filter, as on Azure. */
export function skus({ box, query }: Call): Reply {
  const wanted = /location eq '([^']+)'/i.exec(query.get("$filter") ?? "")?.[1]?.toLowerCase();
  const regions = box.config.regions.map(({ name }) => name).filter((name) => !wanted || name === wanted);
  const value = regions.flatMap((region) => [
    ...Object.entries(SIZES).map(([name, size]) => sizeSku(box, region, name, size)),
    ...Object.entries(DISK_SKUS).map(([name, tier]) => diskSku(region, name, tier)),
    ...["Aligned", "Classic"].map((name) => setSku(region, name)),
  ]);
  return { status: 200, body: { value } };
}

function sizeSku(box: Box, region: string, name: string, size: Size) {
  return {
    resourceType: "virtualMachines",
    name,
    tier: "Standard",
    size: name.replace("Standard_", ""),
    family: size.family,
    ...place(region),
    capabilities: capabilities({
      vCPUs: size.cores,
      vCPUsAvailable: size.cores,
      MemoryGB: size.memory,
      MaxDataDiskCount: size.dataDisks,
      MaxNetworkInterfaces: size.interfaces,
      PremiumIO: size.premium,
      HyperVGenerations: size.generations,
      CpuArchitectureType: size.architecture,
      DiskControllerTypes: size.controllers,
      AcceleratedNetworkingEnabled: size.accelerated,
      EncryptionAtHostSupported: true,
      UltraSSDAvailable: size.ultra,
      ...(!size.trusted && { TrustedLaunchDisabled: true }),
    }),
    restrictions: restrictions(box, region, name),
  };
}

const diskSku = (region: string, name: string, tier: string) => ({
  resourceType: "disks",
  name,
  tier,
  ...place(region),
  capabilities: capabilities({ MaxSizeGiB: 32_767, MinSizeGiB: 1 }),
  restrictions: [],
});

const setSku = (region: string, name: string) => ({
  resourceType: "availabilitySets",
  name,
  ...place(region, []),
  capabilities: capabilities({ MaximumPlatformFaultDomainCount: name === "Aligned" ? 2 : 3 }),
  restrictions: [],
});

const place = (region: string, zones: readonly string[] = ZONES) => ({
  locations: [region],
  locationInfo: [{ location: region, zones, zoneDetails: [] }],
});

/** All values are texts; truths are `True` and `False`. */
const capabilities = (known: Readonly<Record<string, string | number | boolean>>) =>
  Object.entries(known).map(([name, value]) => ({
    name,
    value: typeof value === "boolean" ? (value ? "True" : "False") : String(value),
  }));

const restrictions = (box: Box, region: string, name: string) =>
  limitsOf(box, region)
    .restrictions.filter(({ size }) => size.toLowerCase() === name.toLowerCase())
    .map(({ zones, reason }) => ({
      type: zones ? "Zone" : "Location",
      values: [region],
      restrictionInfo: { locations: [region], ...(zones && { zones }) },
      reasonCode: reason,
    }));
