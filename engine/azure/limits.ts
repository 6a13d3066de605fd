import type { BucketSize } from "./token-bucket.ts";

/** A call, as far as Azure counts it. */
export interface CountedCall {
  readonly method: string;
  /** Of the resource or the action; of a poll, what the operation is about. */
  readonly path: string;
  /** A look at an operation, not at the resource. */
  readonly poll?: boolean;
  /** Region of the resource, where the call says it. */
  readonly region?: string;
}

/** One of the buckets that a call takes from. */
export interface Limit {
  readonly name: string;
  readonly size: BucketSize;
}

const perMinute = (capacity: number, refill: number): BucketSize => ({ capacity, perSecond: refill / 60 });

/**
 * Published sizes. Resource Manager: "Understand how Azure Resource Manager throttles requests" (token buckets, per
 * subscription, principal and region of the caller). Compute: "Compute throttling limits" (per VM, and per subscription and
 * region). Network: the limits per 5 minutes of the same first page. Providers without a row are heard through their answers.
 */
export const PUBLISHED_SIZES = {
  reads: { capacity: 250, perSecond: 25 },
  writes: { capacity: 200, perSecond: 10 },
  deletes: { capacity: 200, perSecond: 10 },
  vmReads: perMinute(36, 12),
  vmWrites: perMinute(12, 4),
  vmDeletes: perMinute(12, 4),
  vmLists: perMinute(90, 30),
  operations: perMinute(45, 15),
  computeWrites: perMinute(1500, 500),
  networkReads: { capacity: 10_000, perSecond: 10_000 / 300 },
  networkWrites: { capacity: 1000, perSecond: 1000 / 300 },
} as const satisfies Record<string, BucketSize>;

/** The buckets that a call takes a token from: Resource Manager's, then the provider's, the narrowest first. */
export function limitsOf(call: CountedCall): readonly Limit[] {
  const path = call.path.toLowerCase();
  const subscription = /^\/subscriptions\/[^/]+/.exec(path)?.[0] ?? "";
  const kind = kindOf(call);
  return [
    { name: `${subscription} ${kind}`, size: PUBLISHED_SIZES[kind] },
    ...providerLimits(path, kind, call),
  ];
}

export type CallKind = "reads" | "writes" | "deletes";

/** Resource Manager has a bucket for each. */
export const kindOf = ({ method }: Pick<CountedCall, "method">): CallKind => {
  if (method === "GET" || method === "HEAD") return "reads";
  return method === "DELETE" ? "deletes" : "writes";
};

function providerLimits(path: string, kind: CallKind, { poll, region = "" }: CountedCall): Limit[] {
  const subscription = path.split("/", 3).join("/");
  const place = `${subscription} ${(/\/locations\/([^/]+)/.exec(path)?.[1] ?? region).toLowerCase()}`;
  // The last: a lock of a machine is not the machine's provider's affair.
  const provider = /.*\/providers\/([^/]+)/.exec(path)?.[1];
  if (provider === "microsoft.network")
    return kind === "reads"
      ? [{ name: `${place} network reads`, size: PUBLISHED_SIZES.networkReads }]
      : [{ name: `${place} network writes`, size: PUBLISHED_SIZES.networkWrites }];
  if (provider !== "microsoft.compute") return [];
  if (poll) return [{ name: `${path} operations`, size: PUBLISHED_SIZES.operations }];
  if (kind === "reads") return machineLimits(path, kind, subscription);
  return [
    ...machineLimits(path, kind, subscription),
    { name: `${place} compute`, size: PUBLISHED_SIZES.computeWrites },
  ];
}

function machineLimits(path: string, kind: CallKind, subscription: string): Limit[] {
  if (path.endsWith("/virtualmachines"))
    return [{ name: `${subscription} lists of machines`, size: PUBLISHED_SIZES.vmLists }];
  const machine = /^.*\/virtualmachines\/[^/]+/.exec(path)?.[0];
  // What the others may take is not published: the bucket is there to be closed when Azure refuses.
  if (!machine) return [{ name: `${path} ${kind}`, size: PUBLISHED_SIZES.computeWrites }];
  if (kind === "reads") return [{ name: `${machine} reads`, size: PUBLISHED_SIZES.vmReads }];
  // Azure counts a deallocation as an end.
  const ends = kind === "deletes" || path.endsWith("/deallocate");
  const size = ends ? PUBLISHED_SIZES.vmDeletes : PUBLISHED_SIZES.vmWrites;
  return [{ name: `${machine} ${ends ? "deletes" : "writes"}`, size }];
}
