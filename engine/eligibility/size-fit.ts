import { type Sku, capability } from "../azure/sku.ts";
import type { FindingCode } from "../recovery/findings.ts";

/** What a machine asks of a size of virtual machines. Of what is undefined nothing is known, and nothing is asked. */
export interface SizeNeeds {
  readonly dataDisks: number;
  readonly interfaces: number;
  /** SKUs of its disks, e.g. `Premium_LRS`. */
  readonly diskKinds: readonly string[];
  readonly ultra: boolean;
  /** `V1` or `V2`. */
  readonly generation?: string | undefined;
  /** `x64` or `Arm64`. */
  readonly architecture?: string | undefined;
  /** `SCSI` or `NVMe`. */
  readonly controller?: string | undefined;
  readonly trustedLaunch: boolean;
  readonly hostEncryption: boolean;
  readonly acceleratedNetworking: boolean;
  /** The zone that the machine is to be in. */
  readonly zone?: string | undefined;
}

/** What the machine uses and the size has not. Azure says `True` and `False`; of what it does not say, nothing is known. */
export function misfits(needs: SizeNeeds, size: Sku): FindingCode[] {
  const says = (name: string) => capability(size, name)?.toLowerCase();
  const lists = (name: string, value: string | undefined) =>
    !value || !says(name) || wordsOf(says(name)).includes(value.toLowerCase());
  const most = (name: string) => Number(says(name) ?? Infinity);
  const premium = needs.diskKinds.some((kind) => kind.startsWith("Premium"));
  const found: Record<(typeof SIZE_CODES)[number], boolean> = {
    SizeTooFewDisks: needs.dataDisks > most("MaxDataDiskCount"),
    SizeTooFewInterfaces: needs.interfaces > most("MaxNetworkInterfaces"),
    SizeWithoutPremium: premium && says("PremiumIO") === "false",
    SizeWithoutUltra: needs.ultra && says("UltraSSDAvailable") === "false",
    SizeOtherGeneration: !lists("HyperVGenerations", needs.generation),
    SizeOtherProcessor: !lists("CpuArchitectureType", needs.architecture),
    SizeOtherController: !lists("DiskControllerTypes", needs.controller),
    SizeWithoutTrustedLaunch: needs.trustedLaunch && says("TrustedLaunchDisabled") === "true",
    SizeWithoutHostEncryption: needs.hostEncryption && says("EncryptionAtHostSupported") === "false",
    SizeWithoutAcceleration: needs.acceleratedNetworking && says("AcceleratedNetworkingEnabled") === "false",
  };
  return SIZE_CODES.filter((code) => found[code]);
}

const SIZE_CODES = [
  "SizeTooFewDisks",
  "SizeTooFewInterfaces",
  "SizeWithoutPremium",
  "SizeWithoutUltra",
  "SizeOtherGeneration",
  "SizeOtherProcessor",
  "SizeOtherController",
  "SizeWithoutTrustedLaunch",
  "SizeWithoutHostEncryption",
  "SizeWithoutAcceleration",
] as const satisfies FindingCode[];

const wordsOf = (list: string | undefined): string[] => (list ?? "").split(",").map((word) => word.trim());

/** Why the subscription may not have the size in the region, or in that zone of it; undefined when it may. */
export function restrictionOf({ restrictions }: Sku, zone: string | undefined): string | undefined {
  const found = restrictions.find(
    ({ type, restrictionInfo }) =>
      type === "Location" ||
      (type === "Zone" && zone !== undefined && restrictionInfo?.zones.includes(zone) === true),
  );
  return found && (found.reasonCode ?? "for a reason that is not said");
}
