import { type CallKind, PUBLISHED_SIZES, kindOf } from "../../engine/azure/limits.ts";
import { type Bucket, type BucketSize, fullBucket, taken, waitFor } from "../../engine/azure/token-bucket.ts";
import type { Clock } from "../../engine/core/clock.ts";
import { ArmError } from "./arm-error.ts";

/** A call, as far as it is counted. */
interface Counted {
  /** Object id of the caller: Resource Manager counts each for itself. */
  readonly principal: string;
  readonly method: string;
  readonly pathname: string;
  /** Of the resource, where it is known. */
  readonly region: string;
}

export interface Throttle {
  /** Headers that tell what is left. @throws ArmError 429 with Retry-After; nothing was taken then. */
  admit(call: Counted): Record<string, string>;
}

/** @param counts false for a box in which everybody may call as often as they like; the headers are there all the same. */
export function throttle(clock: Clock, counts: boolean): Throttle {
  const buckets = new Map<string, Bucket>();
  return {
    admit(call) {
      const now = clock.now();
      const due = counts ? limitsOf(call) : limitsOf(call).slice(0, 1);
      const found = due.map((limit) => ({
        limit,
        bucket: buckets.get(limit.name) ?? fullBucket(limit.size, now),
      }));
      for (const { limit, bucket } of found) {
        const wait = waitFor(bucket, limit.size, now);
        if (counts && wait > 0) throw refusal(limit, Math.ceil(wait / 1000));
      }
      for (const { limit, bucket } of found)
        if (counts) buckets.set(limit.name, taken(bucket, limit.size, now));
      return Object.fromEntries(
        found.map(({ limit, bucket }) => left(limit, Math.floor(taken(bucket, limit.size, now).tokens))),
      );
    },
  };
}

interface Limit {
  /** Whose, and of what. */
  readonly name: string;
  readonly size: BucketSize;
  /** As the header with what is left calls it. */
  readonly policy: string;
  readonly by: "manager" | "provider";
}

const within = (calls: number, seconds: number): BucketSize => ({
  capacity: calls,
  perSecond: calls / seconds,
});

/** Storage's are known here alone: the client hears of them by what it is answered. */
const SIZES = {
  ...PUBLISHED_SIZES,
  accountReads: within(800, 300),
  accountLists: within(100, 300),
  accountWrites: { capacity: 10, perSecond: 10 },
  accountWritesPerHour: within(1200, 3600),
} as const;

function limitsOf(call: Counted): Limit[] {
  const kind = kindOf(call);
  const manager: Limit = {
    name: `${call.principal} ${kind}`,
    size: SIZES[kind],
    policy: kind,
    by: "manager",
  };
  return [manager, ...providerLimits(call, kind)];
}

function providerLimits({ method, pathname, region }: Counted, kind: CallKind): Limit[] {
  const path = pathname.toLowerCase();
  const limit = (of: string, policy: keyof typeof SIZES): Limit => ({
    name: `${of} ${policy}`,
    size: SIZES[policy],
    policy,
    by: "provider",
  });
  if (path.includes("/providers/microsoft.network/"))
    return [limit(region, kind === "reads" ? "networkReads" : "networkWrites")];
  if (path.includes("/providers/microsoft.storage/")) {
    if (kind !== "reads") return [limit(region, "accountWrites"), limit(region, "accountWritesPerHour")];
    return [limit(region, path.endsWith("/storageaccounts") ? "accountLists" : "accountReads")];
  }
  if (/\/providers\/microsoft\.compute\/locations\/[^/]+\/(disk)?operations\//.test(path))
    return [limit(path, "operations")];
  if (path.endsWith("/providers/microsoft.compute/virtualmachines")) return [limit(region, "vmLists")];
  const machine = /^.*\/virtualmachines\/[^/]+/.exec(path)?.[0];
  if (!machine) return [];
  // A deallocation counts as an end.
  if (method === "DELETE" || path.endsWith("/deallocate")) return [limit(machine, "vmDeletes")];
  return [limit(machine, kind === "reads" ? "vmReads" : "vmWrites")];
}

const left = ({ policy, by }: Limit, tokens: number): readonly [string, string] =>
  by === "manager"
    ? [`x-ms-ratelimit-remaining-subscription-${policy}`, String(tokens)]
    : ["x-ms-ratelimit-remaining-resource", `${policy};${tokens}`];

/** Who refuses stands in `x-ms-failure-cause`: Resource Manager itself, or the provider behind it. */
const refusal = ({ by, policy }: Limit, seconds: number): ArmError =>
  by === "manager"
    ? new ArmError(
        429,
        "SubscriptionRequestsThrottled",
        `Number of '${policy}' requests for this subscription and caller exceeded the limit. Please try again after '${seconds}' seconds.`,
        { "retry-after": String(seconds) },
      )
    : new ArmError(
        429,
        "TooManyRequests",
        `The server rejected the request because too many requests have been received: policy ${policy}. Please try again after '${seconds}' seconds.`,
        {
          "retry-after": String(seconds),
          "x-ms-failure-cause": "service",
          "x-ms-ratelimit-remaining-resource": `${policy};0`,
        },
      );
