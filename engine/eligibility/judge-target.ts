import { type Sku, capability } from "../azure/sku.ts";
import type { Usage } from "../azure/usage.ts";
import type { Found } from "../recovery/findings.ts";
import type { Survey } from "./survey.ts";

/** Whether the target region would take the machine today: its size, its disks, the quotas, names and locks. */
export function judgeTarget(survey: Survey): Found[] {
  return [...ofSize(survey), ...ofDisks(survey), ...ofQuotas(survey), ...ofPlace(survey)];
}

function ofSize(survey: Survey): Found[] {
  const { machine, target } = survey;
  const name = machine.properties.hardwareProfile.vmSize;
  if (!target.offer) return [];
  const size = target.offer.sizes.get(name.toLowerCase());
  if (!size) return [{ code: "SizeMissing", message: `${target.region} has no ${name}` }];
  const refused = size.restrictions.find(({ type }) => type === "Location");
  if (refused) {
    const why = refused.reasonCode ?? "for a reason that is not said";
    return [{ code: "SizeRestricted", message: `${name} is restricted in ${target.region}: ${why}` }];
  }
  return unfit(survey, size).map((code) => ({ code, message: `${name} in ${target.region}` }));
}

/** What the machine uses and the size has not. Azure says `True` and `False`; of what it does not say, nothing is known. */
function unfit({ machine, disks, nics }: Survey, size: Sku): Found["code"][] {
  const { securityProfile, additionalCapabilities, storageProfile } = machine.properties;
  const says = (name: string) => capability(size, name)?.toLowerCase();
  const os = disks.find((one) => one.os)?.disk.properties;
  const kinds = disks.map(({ disk }) => disk.sku?.name ?? "");
  const lists = (name: string, value: string | null | undefined) =>
    !value || !says(name) || says(name)?.split(",").includes(value.toLowerCase()) === true;
  const ultra =
    additionalCapabilities?.ultraSSDEnabled === true || kinds.some((kind) => kind.startsWith("Ultra"));
  const found: Record<string, boolean> = {
    SizeTooFewDisks: storageProfile.dataDisks.length > Number(says("MaxDataDiskCount") ?? Infinity),
    SizeWithoutPremium: kinds.some((kind) => kind.startsWith("Premium")) && says("PremiumIO") === "false",
    SizeWithoutUltra: ultra && says("UltraSSDAvailable") === "false",
    SizeOtherGeneration: !lists("HyperVGenerations", os?.hyperVGeneration),
    SizeOtherProcessor: !lists("CpuArchitectureType", os?.supportedCapabilities?.architecture),
    SizeWithoutTrustedLaunch:
      securityProfile?.securityType === "TrustedLaunch" && says("TrustedLaunchDisabled") === "true",
    SizeWithoutHostEncryption:
      securityProfile?.encryptionAtHost === true && says("EncryptionAtHostSupported") === "false",
    SizeWithoutAcceleration:
      nics.some((nic) => nic.properties.enableAcceleratedNetworking) &&
      says("AcceleratedNetworkingEnabled") === "false",
  };
  return SIZE_CODES.filter((code) => found[code]);
}

const SIZE_CODES = [
  "SizeTooFewDisks",
  "SizeWithoutPremium",
  "SizeWithoutUltra",
  "SizeOtherGeneration",
  "SizeOtherProcessor",
  "SizeWithoutTrustedLaunch",
  "SizeWithoutHostEncryption",
  "SizeWithoutAcceleration",
] as const satisfies Found["code"][];

function ofDisks({ disks, target }: Survey): Found[] {
  // A list without any kind of disk says nothing about disks.
  if (!target.offer || target.offer.disks.size === 0) return [];
  const kinds = new Set(disks.map(({ disk }) => disk.sku?.name ?? "Standard_LRS"));
  return [...kinds].flatMap((kind): Found[] => {
    const sku = target.offer?.disks.get(kind.toLowerCase());
    const free = sku && !sku.restrictions.some(({ type }) => type === "Location");
    return free ? [] : [{ code: "DiskKindMissing", message: `${kind} cannot be had in ${target.region}` }];
  });
}

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

function ofQuotas({ machine, disks, nics, target }: Survey): Found[] {
  const size = target.offer?.sizes.get(machine.properties.hardwareProfile.vmSize.toLowerCase());
  const cores = Number((size && (capability(size, "vCPUsAvailable") ?? capability(size, "vCPUs"))) ?? 0);
  const { compute = [], network = [] } = target;
  const counts = Map.groupBy(disks, ({ disk }) => DISK_QUOTAS[disk.sku?.name ?? "Standard_LRS"] ?? "");
  const needs: (Found | undefined)[] = [
    lacking("QuotaCores", compute, "cores", cores),
    lacking("QuotaCores", compute, size?.family ?? "", cores),
    lacking("QuotaMachines", compute, "virtualMachines", 1),
    ...[...counts].map(([quota, some]) => lacking("QuotaDisks", compute, quota, some.length)),
    lacking("QuotaNetwork", network, "NetworkInterfaces", nics.length),
  ];
  return needs.filter((found) => found !== undefined);
}

function lacking(
  code: Found["code"],
  usages: readonly Usage[],
  name: string,
  needs: number,
): Found | undefined {
  const usage = usages.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (!usage || usage.used + needs <= usage.limit) return undefined;
  const left = Math.max(usage.limit - usage.used, 0);
  return { code, message: `${usage.words}: ${needs} are needed, ${left} of ${usage.limit} are left` };
}

function ofPlace({ locks, target, unread }: Survey): Found[] {
  const all = [...(locks ?? []), ...(target.locks ?? [])];
  const locked = [...new Map(all.map((lock) => [lock.id.toLowerCase(), lock])).values()];
  return [
    ...target.unregistered.map((message): Found => ({ code: "ProviderUnregistered", message })),
    ...target.taken.map((message): Found => ({ code: "NameTaken", message })),
    ...locked.map(({ id, level }): Found => {
      const code = level === "ReadOnly" ? "LockedAgainstChange" : "LockedAgainstDeletion";
      return { code, message: `the lock ${id}` };
    }),
    ...unread.map(({ what, why }): Found => ({ code: "Unreadable", message: `${what}: ${why}` })),
  ];
}
