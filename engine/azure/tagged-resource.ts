import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensured } from "./resource.ts";

const listed = z.object({ id: z.string().transform(armId), type: z.string() });
export type ListedResource = z.infer<typeof listed>;

/**
 * What of a group carries the tag of this machine, or that of all. Azure keeps this list apart from the resources: it may lack
 * what was made seconds ago and name what is gone.
 */
export async function* listOurs(
  client: ArmClient,
  group: ArmId,
  machine: Owner["machine"],
): AsyncGenerator<ListedResource> {
  const path = `${group}/resources`;
  const $filter = `tagName eq 'leeward-machine' and tagValue eq '${machine}'`;
  for await (const one of client.list(path, { query: { $filter } })) yield parsed(listed, one, path);
}

const owned = z.looseObject({
  tags: z
    .record(z.string(), z.string())
    .nullish()
    .transform((found) => found ?? {}),
  managedBy: z.string().nullish(),
  properties: z
    .looseObject({
      virtualMachine: z.unknown().optional(),
      virtualMachines: z.array(z.unknown()).nullish(),
      networkInterfaces: z.array(z.unknown()).nullish(),
      virtualNetworkPeerings: z.array(z.unknown()).nullish(),
      subnets: z
        .array(
          z.looseObject({
            properties: z.looseObject({ ipConfigurations: z.array(z.unknown()).nullish() }).nullish(),
          }),
        )
        .nullish(),
    })
    .default({}),
});
/** A resource of any type, as far as it tells who uses it. */
export type OwnedResource = z.infer<typeof owned>;

/** As it is now; undefined when it is gone. */
export async function findOwned(client: ArmClient, id: ArmId): Promise<OwnedResource | undefined> {
  const found = await client.find(id);
  return found === undefined ? undefined : parsed(owned, found, id);
}

/** Whose it is by its tags; undefined when it is not ours. */
export function ownerOf({
  tags,
}: Pick<OwnedResource, "tags">): { machine: string; role: string } | undefined {
  const { "leeward-machine": machine, "leeward-role": role } = tags;
  return machine === undefined || role === undefined ? undefined : { machine, role };
}

/** Takes our tags off: from now on it is its user's. */
export async function release(client: ArmClient, id: ArmId, { tags }: OwnedResource): Promise<Ensured> {
  const others = Object.entries(tags).filter(([name]) => !name.startsWith("leeward-"));
  return ensured(id, await client.patch(id, { tags: Object.fromEntries(others) }));
}
