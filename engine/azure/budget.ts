import type { Clock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import { retryAfterIn } from "../core/retry.ts";
import { type Micros, type Millis, millis } from "../core/units.ts";
import type { ArmReply } from "./arm-failure.ts";
import { type CountedCall, type Limit, limitsOf } from "./limits.ts";
import { type Bucket, atMost, closedFor, fullBucket, taken, waitFor } from "./token-bucket.ts";

/**
 * What Azure lets this app call, shared by everything in the process. Calls that wait for nobody leave a part of it to
 * urgent ones, so that fifty machines that are being enabled do not starve a failover. What other instances of the app and
 * other programs use is learned from the answers.
 */
export interface Budget {
  /**
   * Resolves when the call may be made, a few seconds later at most.
   * @throws ArmUnavailable with the wait when that would be longer: it belongs to a durable timer.
   */
  admit(call: CountedCall, urgent: boolean): Promise<void>;
  /** Reads what an answer says of the budget. */
  learn(call: CountedCall, reply: ArmReply): void;
}

/** The part of each bucket that only urgent calls use. */
const RESERVED = 0.4;
/** Less than the reserved part of the slowest bucket, so that who waits here takes nothing from urgent calls. */
const PATIENCE: Millis = millis(2000);
const URGENT_PATIENCE: Millis = millis(10_000);
/** When Azure throttles and does not say for how long. */
const UNSAID: Millis = millis(10_000);
/** Beyond so many, those that nobody used for an hour are forgotten: they are full. */
const MANY = 4096;

export function armBudget(clock: Clock): Budget {
  const buckets = new Map<string, Bucket>();
  const bucketOf = ({ name, size }: Limit, now: Micros): Bucket => buckets.get(name) ?? fullBucket(size, now);

  function forgetIdle(now: Micros): void {
    for (const [name, bucket] of buckets)
      if (now - bucket.at > 3600e6 && bucket.closedUntil < now) buckets.delete(name);
  }

  return {
    async admit(call, urgent) {
      const now = clock.now();
      const limits = limitsOf(call);
      const waits = limits.map((limit) => {
        const leaves = urgent ? 0 : Math.floor(limit.size.capacity * RESERVED);
        return waitFor(bucketOf(limit, now), limit.size, now, leaves);
      });
      const wait = millis(Math.max(...waits));
      if (wait > (urgent ? URGENT_PATIENCE : PATIENCE)) throw spent(call, limits[waits.indexOf(wait)], wait);
      for (const limit of limits) buckets.set(limit.name, taken(bucketOf(limit, now), limit.size, now));
      if (buckets.size > MANY) forgetIdle(now);
      if (wait > 0) await clock.sleep(wait);
    },

    learn(call, reply) {
      const now = clock.now();
      const [manager, provider = manager] = limitsOf(call);
      const left = leftOfManager(reply);
      if (manager && left !== undefined)
        buckets.set(manager.name, atMost(bucketOf(manager, now), manager.size, now, left));
      const closes = { manager, provider, nobody: undefined }[whoRefuses(reply)];
      const wait = retryAfterIn(reply.header("retry-after"), now / 1000) ?? UNSAID;
      if (closes) buckets.set(closes.name, closedFor(bucketOf(closes, now), now, wait));
    },
  };
}

const spent = ({ method, path }: CountedCall, limit: Limit | undefined, wait: Millis) =>
  new LeewardError(
    "ArmUnavailable",
    `${method} ${path}: not sent, since Azure takes no more for now (${limit?.name.split(" ").slice(1).join(" ")})`,
    undefined,
    wait,
  );

/**
 * Gateway: Resource Manager itself; service: the provider behind it, of which only the narrowest limit is believed spent:
 * one machine that was asked too often must not stop a failover of another.
 */
function whoRefuses(reply: ArmReply): "manager" | "provider" | "nobody" {
  if (providerIsSpent(reply)) return "provider";
  if (reply.status !== 429) return "nobody";
  return reply.header("x-ms-failure-cause") === "gateway" ? "manager" : "provider";
}

const MANAGER_HEADERS = ["reads", "writes", "deletes"].map(
  (kind) => `x-ms-ratelimit-remaining-subscription-${kind}`,
);

function leftOfManager(reply: ArmReply): number | undefined {
  const said = MANAGER_HEADERS.map((name) => reply.header(name)).find((value) => value !== undefined);
  return said && /^\d{1,9}$/.test(said) ? Number(said) : undefined;
}

/** `Microsoft.Compute/PutVM3Min;238,Microsoft.Compute/PutVM30Min;1195`, whose sizes are not published: only none left is sure. */
const providerIsSpent = (reply: ArmReply): boolean =>
  /;0(,|$)/.test(reply.header("x-ms-ratelimit-remaining-resource") ?? "");
