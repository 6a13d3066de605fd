import { type Micros, type Millis, micros, millis } from "../core/units.ts";

/** How many calls may be made at once, and how many more each second. */
export interface BucketSize {
  readonly capacity: number;
  readonly perSecond: number;
}

/** What is left of a bucket. Below zero there are callers on their way that wait for their token. */
export interface Bucket {
  readonly tokens: number;
  readonly at: Micros;
  /** Nobody may call before, whatever is left: the other side asked for it. */
  readonly closedUntil: Micros;
}

export const fullBucket = ({ capacity }: BucketSize, now: Micros): Bucket => ({
  tokens: capacity,
  at: now,
  closedUntil: micros(0),
});

/** The bucket as it is now. A clock that stepped back adds nothing. */
export function refilled(bucket: Bucket, { capacity, perSecond }: BucketSize, now: Micros): Bucket {
  if (now <= bucket.at) return bucket;
  const tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1e6) * perSecond);
  return { ...bucket, tokens, at: now };
}

/** How long a caller has to wait who leaves so many tokens to others. */
export function waitFor(bucket: Bucket, size: BucketSize, now: Micros, leaves = 0): Millis {
  const { tokens, closedUntil } = refilled(bucket, size, now);
  const lacks = Math.max(0, 1 + leaves - tokens);
  const open = Math.max(0, closedUntil - now) / 1000;
  return millis(Math.ceil(Math.max((lacks / size.perSecond) * 1000, open)));
}

/** Takes a token in advance: the caller waits as long as `waitFor` said before. */
export function taken(bucket: Bucket, size: BucketSize, now: Micros): Bucket {
  const left = refilled(bucket, size, now);
  return { ...left, tokens: left.tokens - 1 };
}

/** The other side says how many are left; others may have taken some. It never adds any. */
export function atMost(bucket: Bucket, size: BucketSize, now: Micros, tokens: number): Bucket {
  const left = refilled(bucket, size, now);
  return { ...left, tokens: Math.min(left.tokens, tokens) };
}

export const closedFor = (bucket: Bucket, now: Micros, wait: Millis): Bucket => ({
  ...bucket,
  closedUntil: micros(Math.max(bucket.closedUntil, now + wait * 1000)),
});
