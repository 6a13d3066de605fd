import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { type ArmId, armId } from "../core/ids.ts";
import { type Owner, lackingTags, ownershipTags } from "../core/owner.ts";
import type { ArmAnswer, ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import type { ArmOperation } from "./operation.ts";

export type { Owner } from "../core/owner.ts";

/** A resource that exists or is being made; small JSON for orchestration history. */
export interface Ensured {
  readonly id: ArmId;
  /** To be polled to its end before the resource is used. */
  readonly operation?: ArmOperation;
}

const tags = z.record(z.string(), z.string()).nullish();
const provisioned = z.object({ provisioningState: z.string().optional() });

/** What every resource answers. Families extend it; unknown fields are dropped. */
export const resource = z.object({
  id: z.string().transform(armId),
  name: z.string(),
  location: z.string(),
  tags: tags.transform((found) => found ?? {}),
});

const existing = z.object({ tags, properties: provisioned.optional() });

export interface Wanted {
  readonly id: ArmId;
  readonly owner: Owner;
  /** Without tags: they are added here. */
  readonly body: Readonly<Record<string, unknown>> & { readonly tags?: Readonly<Record<string, string>> };
  /**
   * What to do when ours is there already and in order: write it again where it says something else, or keep it because its body only counts at
   * creation (a disk's source) or because writing would replace what others added since (a VM).
   */
  readonly again: "write" | "keep";
}

/**
 * Makes the resource by an idempotent PUT. May run twice: one that is still being made is waited for, not written again.
 * @throws ForeignResource when one of this name exists without exactly the owner's tags; ArmUnavailable while one of ours
 * is being deleted.
 */
export async function ensure(client: ArmClient, wanted: Wanted): Promise<Ensured> {
  const found = await client.find(wanted.id);
  if (found !== undefined) {
    const { properties } = parsed(existing, found, wanted.id);
    assertOwned(wanted.id, found, wanted.owner);
    const state = properties?.provisioningState ?? "Succeeded";
    if (state === "Deleting") throw new LeewardError("ArmUnavailable", `${wanted.id} is being deleted`);
    if (state === "Succeeded" && (wanted.again === "keep" || holds(found, wanted.body)))
      return { id: wanted.id };
    const settled = ["Succeeded", "Failed", "Canceled"].includes(state);
    if (!settled) return { id: wanted.id, operation: client.watch(wanted.id) };
  }
  const body = { ...wanted.body, tags: { ...wanted.body.tags, ...ownershipTags(wanted.owner) } };
  return ensured(
    wanted.id,
    await client.put(wanted.id, body, { onlyIfAbsent: found === undefined && wanted.again === "keep" }),
  );
}

/** Whether what was found says all that is wanted; Azure adds fields of its own to everything. */
function holds(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return found === wanted;
  if (typeof found !== "object" || found === null) return false;
  if (Array.isArray(wanted) && (!Array.isArray(found) || found.length !== wanted.length)) return false;
  const has = new Map<string, unknown>(Object.entries(found));
  return Object.entries(wanted).every(([key, value]) => value === undefined || holds(has.get(key), value));
}

/**
 * Whether there is one that is the owner's.
 * @throws ForeignResource when one of this name exists without exactly the owner's tags.
 */
export async function isThere(client: ArmClient, id: ArmId, owner: Owner): Promise<boolean> {
  const found = await client.find(id);
  if (found !== undefined) assertOwned(id, found, owner);
  return found !== undefined;
}

/**
 * Deletes the resource if it is there.
 * @throws ForeignResource when it has not exactly the owner's tags.
 */
export async function remove(client: ArmClient, id: ArmId, owner: Owner): Promise<Ensured> {
  const found = await client.find(id);
  if (found === undefined) return { id };
  assertOwned(id, found, owner);
  return ensured(id, await client.delete(id));
}

export const ensured = (id: ArmId, answer: ArmAnswer): Ensured => ({
  id,
  ...(answer.operation && { operation: answer.operation }),
});

/** Reads and parses one resource. @throws ArmFailed when it is not there. */
export async function read<Schema extends z.ZodType>(
  client: ArmClient,
  id: ArmId,
  schema: Schema,
  query: Readonly<Record<string, string>> = {},
): Promise<z.output<Schema>> {
  return parsed(schema, (await client.get(id, { query })).body, id);
}

/** @throws ForeignResource when what was found has not exactly the owner's tags. */
export function assertOwned(id: ArmId, found: unknown, owner: Owner): void {
  const has = parsed(existing, found, id).tags ?? {};
  const lacks = lackingTags(has, owner);
  if (lacks.length === 0) return;
  const said = lacks.map(([name, value]) => `${name}=${value} (has ${has[name] ?? "none"})`).join(", ");
  throw new LeewardError("ForeignResource", `${id} exists without the tag ${said}`);
}
