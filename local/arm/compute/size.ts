import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import { limitsOf } from "../limit.ts";

/** What the simulator knows of a VM size. */
export interface Size {
  readonly family: string;
  readonly cores: number;
  readonly memory: number;
  readonly dataDisks: number;
  readonly interfaces: number;
  readonly premium: boolean;
  readonly generations: string;
  readonly architecture: "x64" | "Arm64";
  readonly controllers: string;
  readonly accelerated: boolean;
  readonly ultra: boolean;
  /** Whether machines of this size may be Trusted Launch ones. */
  readonly trusted: boolean;
}

const usual = {
  premium: true,
  generations: "V1,V2",
  architecture: "x64",
  controllers: "SCSI",
  accelerated: true,
  ultra: true,
  trusted: true,
} as const;

const sized = (cores: number, memory: number, dataDisks: number, interfaces: number) => ({
  ...usual,
  cores,
  memory,
  dataDisks,
  interfaces,
});

/** A handful of real sizes, chosen to differ in what a check may ask for; figures as published. */
export const SIZES: Readonly<Record<string, Size>> = {
  Standard_B2s: { ...sized(2, 4, 4, 3), family: "standardBSFamily", accelerated: false, ultra: false },
  Standard_D2s_v5: { ...sized(2, 8, 4, 2), family: "standardDSv5Family" },
  Standard_D4s_v5: { ...sized(4, 16, 8, 2), family: "standardDSv5Family" },
  Standard_D8s_v5: { ...sized(8, 32, 16, 4), family: "standardDSv5Family" },
  Standard_D2_v5: { ...sized(2, 8, 4, 2), family: "standardDv5Family", premium: false, ultra: false },
  Standard_D2ps_v5: {
    ...sized(2, 8, 4, 2),
    family: "standardDPSv5Family",
    generations: "V2",
    architecture: "Arm64",
    trusted: false,
  },
  Standard_D2s_v6: {
    ...sized(2, 8, 8, 2),
    family: "standardDSv6Family",
    generations: "V2",
    controllers: "NVMe",
  },
  Standard_E4s_v5: { ...sized(4, 32, 8, 2), family: "standardESv5Family" },
};

/** @throws ArmError for a size that there is not, or not in this region and zone for this subscription. */
export function offered(box: Box, region: string, name: string, zone: string | undefined): Size {
  const size = Object.entries(SIZES).find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
  if (!size)
    throw new ArmError(
      400,
      "InvalidParameter",
      `The value ${name} provided for the VM size is not valid. The valid sizes in the current region are: ${Object.keys(SIZES).join(",")}.`,
    );
  const restricted = limitsOf(box, region).restrictions.some(
    ({ size: of, zones }) =>
      of.toLowerCase() === name.toLowerCase() && (!zones || (zone !== undefined && zones.includes(zone))),
  );
  if (restricted)
    throw new ArmError(
      409,
      "SkuNotAvailable",
      `The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: ${name}' is currently not available in location '${region}'${zone === undefined ? "" : ` zones '${zone}'`}. Please try another size or deploy to a different location or different zone.`,
    );
  return size;
}
