import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

const lock = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({ level: z.string() }),
});

export interface Lock {
  readonly id: string;
  readonly name: string;
  /** `CanNotDelete`, or `ReadOnly`, which refuses actions such as starting a VM or opening a disk as well. */
  readonly level: string;
}

/** Locks of a resource or a group, with those that it inherits; without those of what is below. */
export async function listLocks(client: ArmClient, scope: ArmId): Promise<Lock[]> {
  const path = `${scope}/providers/Microsoft.Authorization/locks`;
  const found = [];
  for await (const one of client.list(path, { query: { $filter: "atScope()" } })) {
    const { id, name, properties } = parsed(lock, one, path);
    found.push({ id, name, level: properties.level });
  }
  return found;
}
