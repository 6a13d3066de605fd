import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import { bytes } from "../core/units.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure, resource } from "./resource.ts";

const snapshot = resource.extend({
  properties: z.object({
    provisioningState: z.string(),
    timeCreated: z.string().optional(),
    diskSizeBytes: z.number().transform(bytes),
    incremental: z.boolean().optional(),
    /** Differences are told between snapshots of one family only. */
    incrementalSnapshotFamilyId: z.string().optional(),
    /** Absent where it is there at once; below 100 while it is filled in the background. */
    completionPercent: z.number().optional(),
    creationData: z.object({ sourceUniqueId: z.string().optional() }),
  }),
});
export type Snapshot = z.infer<typeof snapshot>;

export interface SnapshotSpec {
  readonly id: ArmId;
  /** The disk's. */
  readonly location: string;
  readonly disk: ArmId;
  readonly owner: Owner;
}

/** Standard storage, whatever the disk's is: it is read once, and costs a fraction. */
const snapshotBody = ({ location, disk }: SnapshotSpec) => ({
  location,
  sku: { name: "Standard_LRS" },
  properties: { creationData: { createOption: "Copy", sourceResourceId: disk }, incremental: true },
});

/** Takes an incremental snapshot of the disk; one that is there is kept, since its content never changes. */
export const ensureSnapshot = (client: ArmClient, spec: SnapshotSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: snapshotBody(spec), again: "keep" });

/** Undefined when there is none. */
export async function findSnapshot(client: ArmClient, id: ArmId): Promise<Snapshot | undefined> {
  const found = await client.find(id);
  return found === undefined ? undefined : parsed(snapshot, found, id);
}

const owned = z.object({ id: z.string().transform(armId), tags: z.record(z.string(), z.string()).nullish() });

/** The snapshots in a resource group that are the owner's, by their tags. */
export async function listSnapshots(
  client: ArmClient,
  group: ArmId,
  { machine, role }: Owner,
): Promise<ArmId[]> {
  const path = `${group}/providers/Microsoft.Compute/snapshots`;
  const found: ArmId[] = [];
  for await (const one of client.list(path)) {
    const { id, tags } = parsed(owned, one, path);
    if (tags?.["leeward-machine"] === machine && tags["leeward-role"] === role) found.push(id);
  }
  return found;
}
