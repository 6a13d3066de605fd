import type { Found } from "../recovery/findings.ts";
import { coresOf, shortages } from "./quota.ts";
import { type SizeNeeds, misfits, restrictionOf } from "./size-fit.ts";
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
  const refused = restrictionOf(size, undefined);
  if (refused !== undefined)
    return [{ code: "SizeRestricted", message: `${name} is restricted in ${target.region}: ${refused}` }];
  return misfits(needsOf(survey), size).map((code) => ({ code, message: `${name} in ${target.region}` }));
}

function needsOf({ machine, disks, nics }: Survey): SizeNeeds {
  const { securityProfile, additionalCapabilities, storageProfile } = machine.properties;
  const os = disks.find((one) => one.os)?.disk.properties;
  const diskKinds = disks.map(({ disk }) => disk.sku?.name ?? "");
  return {
    dataDisks: storageProfile.dataDisks.length,
    interfaces: nics.length,
    diskKinds,
    ultra:
      additionalCapabilities?.ultraSSDEnabled === true || diskKinds.some((kind) => kind.startsWith("Ultra")),
    generation: os?.hyperVGeneration,
    architecture: os?.supportedCapabilities?.architecture ?? undefined,
    controller: storageProfile.diskControllerType ?? undefined,
    trustedLaunch: securityProfile?.securityType === "TrustedLaunch",
    hostEncryption: securityProfile?.encryptionAtHost === true,
    acceleratedNetworking: nics.some((nic) => nic.properties.enableAcceleratedNetworking),
  };
}

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

function ofQuotas({ machine, disks, nics, target }: Survey): Found[] {
  const size = target.offer?.sizes.get(machine.properties.hardwareProfile.vmSize.toLowerCase());
  const wanted = {
    machines: 1,
    cores: size ? coresOf(size) : 0,
    family: size?.family ?? undefined,
    diskKinds: disks.map(({ disk }) => disk.sku?.name ?? "Standard_LRS"),
    interfaces: nics.length,
  };
  return shortages(wanted, target);
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
