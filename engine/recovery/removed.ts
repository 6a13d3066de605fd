import { z } from "zod";
import { checked } from "../core/schema.ts";
import { bytes } from "../core/units.ts";

const deletedThing = z.object({
  /** `Microsoft.Compute/disks` and the like of a resource; `objects` and `records` of what is in storage. */
  type: z.string(),
  /** Id of the resource, or where the objects were. */
  name: z.string(),
  /** Of objects and records. */
  count: z.number().int().optional(),
  bytes: z.number().transform(checked(bytes)).optional(),
});
export type DeletedThing = z.infer<typeof deletedThing>;

const leftThing = z.object({
  type: z.string(),
  name: z.string(),
  why: z.string(),
  /** Azure would not do it, which may pass: it is tried again before the job ends. */
  refused: z.literal(true).optional(),
});
export type LeftThing = z.infer<typeof leftThing>;

/** What a removal came to. Of each list the first `MOST` are named; `unnamed` says how many others there are. */
export const removed = z.object({
  deleted: z.array(deletedThing),
  left: z.array(leftThing),
  unnamed: z.object({ deleted: z.number().int(), left: z.number().int() }),
  /** How often what Azure refused was tried again. */
  again: z.number().int().optional(),
});
export type Removed = z.infer<typeof removed>;

/** Of some 300 bytes each, in a record that takes 480 KB. */
const MOST = 300;

const NOTHING_REMOVED: Removed = { deleted: [], left: [], unnamed: { deleted: 0, left: 0 } };

/** A resource is named once; objects and records are added to what is known of their place. */
export function withDeleted(old: Removed | undefined, things: readonly DeletedThing[]): Removed {
  return things.reduce(withOne, old ?? NOTHING_REMOVED);
}

function withOne(old: Removed, thing: DeletedThing): Removed {
  const at = old.deleted.findIndex((known) => isSame(known, thing));
  const known = old.deleted[at];
  if (known) {
    if (thing.count === undefined) return old;
    const count = (known.count ?? 0) + thing.count;
    const size = bytes((known.bytes ?? 0) + (thing.bytes ?? 0));
    return { ...old, deleted: old.deleted.with(at, { ...known, count, bytes: size }) };
  }
  if (old.deleted.length < MOST) return { ...old, deleted: [...old.deleted, thing] };
  return { ...old, unnamed: { ...old.unnamed, deleted: old.unnamed.deleted + 1 } };
}

/** What stays, in spite of an earlier intention: it is on one of the lists only. A newer reason replaces the older. */
export const withLeft = (old: Removed | undefined, ...things: readonly LeftThing[]): Removed =>
  things.reduce(withOneLeft, old ?? NOTHING_REMOVED);

function withOneLeft({ deleted: listed, left, unnamed, ...rest }: Removed, thing: LeftThing): Removed {
  const deleted = listed.filter((known) => known.count !== undefined || !isSame(known, thing));
  const at = left.findIndex((known) => isSame(known, thing));
  if (at >= 0) return { ...rest, deleted, left: left.with(at, thing), unnamed };
  if (left.length < MOST) return { ...rest, deleted, left: [...left, thing], unnamed };
  return { ...rest, deleted, left, unnamed: { ...unnamed, left: unnamed.left + 1 } };
}

/** Whether anything is left that may go when it is tried again. */
export const wasRefused = ({ left }: Removed): boolean => left.some(({ refused }) => refused);

/** As if it had not been put on the list of what stays. */
export const withoutLeft = (old: Removed | undefined, name: string): Removed => {
  const known = old ?? NOTHING_REMOVED;
  const isIt = (one: LeftThing) => one.name.toLowerCase() === name.toLowerCase();
  return { ...known, left: known.left.filter((one) => !isIt(one)) };
};

/** What is tried once more is on neither list until that is over. */
export const tryingAgain = (old: Removed, names: readonly string[]): Removed => ({
  ...old,
  again: (old.again ?? 0) + 1,
  left: old.left.filter(({ name }) => !names.some((one) => one.toLowerCase() === name.toLowerCase())),
});

const isSame = (a: { type: string; name: string }, b: { type: string; name: string }): boolean =>
  a.type.toLowerCase() === b.type.toLowerCase() && a.name.toLowerCase() === b.name.toLowerCase();
