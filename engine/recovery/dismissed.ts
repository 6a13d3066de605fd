import { hash } from "node:crypto";
import { z } from "zod";
import { uuidOf } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";
import type { HealthError } from "./health.ts";
import type { ItemRecord } from "./item.ts";

/** Health errors that somebody has seen, and does not want to see any more. */
export const dismissed = z
  .array(z.object({ error: z.string(), at: z.number().transform(checked(micros)) }))
  .max(50);

const MOST = 50;

/** Of one cause: another one of the same code, or the same at another time, has another id. */
export const errorIdOf = ({ id }: Pick<ItemRecord, "id">, { code, since }: HealthError): string =>
  uuidOf(hash("sha256", [id.toLowerCase(), code, since].join("\n"), "buffer"));

/** What is told of: without what somebody has dismissed. */
export const undismissed = (item: ItemRecord, errors: readonly HealthError[]): readonly HealthError[] =>
  errors.filter((error) => !item.dismissed?.some((one) => one.error === errorIdOf(item, error)));

/** The newest stay; what is dismissed already changes nothing. */
export function withDismissed(old: ItemRecord, errors: readonly string[], at: Micros): ItemRecord {
  const known = old.dismissed ?? [];
  const fresh = errors.filter((error) => !known.some((one) => one.error === error));
  if (fresh.length === 0) return old;
  return { ...old, dismissed: [...known, ...fresh.map((error) => ({ error, at }))].slice(-MOST) };
}
