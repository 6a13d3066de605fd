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

const leftThing = z.object({ type: z.string(), name: z.string(), why: z.string() });
export type LeftThing = z.infer<typeof leftThing>;

/** What a removal came to. Of each list the first `MOST` are named; `unnamed` says how many others there are. */
export const removed = z.object({
  deleted: z.array(deletedThing),
  left: z.array(leftThing),
  unnamed: z.object({ deleted: z.number().int(), left: z.number().int() }),
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

function withOneLeft({ deleted, left, unnamed }: Removed, thing: LeftThing): Removed {
  const gone = deleted.filter((known) => known.count !== undefined || !isSame(known, thing));
  const at = left.findIndex((known) => isSame(known, thing));
  if (at >= 0) return { deleted: gone, left: left.with(at, thing), unnamed };
  if (left.length < MOST) return { deleted: gone, left: [...left, thing], unnamed };
  return { deleted: gone, left, unnamed: { ...unnamed, left: unnamed.left + 1 } };
}

const isSame = (a: { type: string; name: string }, b: { type: string; name: string }): boolean =>
  a.type.toLowerCase() === b.type.toLowerCase() && a.name.toLowerCase() === b.name.toLowerCase();
