import { capability } from "../azure/sku.ts";
import { type Found, isError } from "../recovery/findings.ts";
import { type Alternative, type SizeShape, type Wanted, alternatives, shapeOf } from "./alternatives.ts";
import { type Counted, type Quotas, shortages, without } from "./quota.ts";
import { misfits, restrictionOf } from "./size-fit.ts";
import type { Offer } from "./survey.ts";

/** What is known when a machine is about to be built. */
export interface FitFacts extends Omit<Wanted, "like"> {
  readonly region: string;
  /** What its size is like, for when the region does not know the size. */
  readonly like?: SizeShape | undefined;
  /** What is there of it from an earlier try. */
  readonly held: Counted;
  /** Undefined where it could not be read: nothing is refused for that. */
  readonly offer?: Offer | undefined;
  readonly quotas: Quotas;
}

export interface Fit {
  /** What keeps it from being built as it is. */
  readonly problems: readonly Found[];
  /** Sizes that would do, best first; only when the size is the problem, or its cores. */
  readonly alternatives: readonly Alternative[];
  /** The size has accelerated networking, or it is not known. */
  readonly accelerates: boolean;
}

const OF_SIZE: readonly string[] = ["QuotaCores"];

/**
 * Whether the region would build the machine now, and with which sizes if not with this one.
 * @param refused it was asked to, and had no room for this size: then there are alternatives without a problem
 */
export function fitOf(facts: FitFacts, refused = false): Fit {
  const { region, size: name, needs, offer, held, counted } = facts;
  const quotas = without(held, facts.quotas);
  const size = offer?.sizes.get(name.toLowerCase());
  const shape = size ? shapeOf(size) : facts.like;
  const ofSize: Found[] = [];
  if (offer && !size) ofSize.push({ code: "SizeMissing", message: `${region} has no ${name}` });
  const restricted = size && restrictionOf(size, needs.zone);
  if (restricted !== undefined)
    ofSize.push({ code: "SizeRestricted", message: `${name} is restricted in ${region}: ${restricted}` });
  if (size) ofSize.push(...misfits(needs, size).map((code) => ({ code, message: `${name} in ${region}` })));
  const short = shortages({ ...counted, cores: shape?.cores ?? 0, family: shape?.family }, quotas);
  const problems = [...ofSize.filter(isError), ...short];
  const another = refused || problems.some((one) => isError(one) || OF_SIZE.includes(one.code));
  const like = shape ?? { cores: coresInName(name), memory: 0 };
  // Disks that say nothing were made for SCSI, which the newest sizes do not have, and for the processor that they are used with.
  const processor = (size && capability(size, "CpuArchitectureType")) ?? "x64";
  const { controller = "SCSI", architecture = processor } = needs;
  const among = { ...facts, like, needs: { ...needs, controller, architecture } };
  return {
    problems,
    alternatives: another && offer ? alternatives(among, offer, quotas) : [],
    accelerates:
      size === undefined || capability(size, "AcceleratedNetworkingEnabled")?.toLowerCase() !== "false",
  };
}

/** `Standard_D4s_v5` has 4, as Azure names its sizes; 0 where the name says nothing. */
const coresInName = (name: string): number => Number(/_[A-Za-z]+(\d+)/.exec(name)?.[1] ?? 0);
