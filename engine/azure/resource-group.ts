import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, resource } from "./resource.ts";

const resourceGroup = resource.extend({ properties: z.object({ provisioningState: z.string() }) });
export type ResourceGroup = z.infer<typeof resourceGroup>;

/** A group's location cannot change: an existing one of ours elsewhere makes ARM refuse. */
export const ensureResourceGroup = (
  client: ArmClient,
  group: { readonly id: ArmId; readonly location: string; readonly owner: Owner },
): Promise<Ensured> =>
  ensure(client, { id: group.id, owner: group.owner, body: { location: group.location }, again: "write" });

export async function findResourceGroup(client: ArmClient, id: ArmId): Promise<ResourceGroup | undefined> {
  const body = await client.find(id);
  return body === undefined ? undefined : parsed(resourceGroup, body, id);
}
