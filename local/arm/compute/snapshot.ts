import { randomUUID } from "node:crypto";
import { z } from "zod";
import { begun } from "../begun.ts";
import { toIso } from "../../../engine/core/clock.ts";
import { armId } from "../../../engine/core/ids.ts";
import { GIB } from "../../../engine/core/units.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { refuseGranted } from "./disk-grant.ts";
import { existing } from "../resources/existing.ts";
import type { Image, Snapshot } from "../model.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { beginSnapshotAccess, endAccess } from "./disk-access.ts";
import { fileFor } from "./disk-file.ts";
import { countSnapshot } from "./snapshot-limit.ts";
import { sourceOf } from "./snapshot-source.ts";

const snapshotBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.enum(["Standard_LRS", "Standard_ZRS", "Premium_LRS"]) }).prefault({
    name: "Standard_LRS",
  }),
  properties: z.looseObject({
    creationData: z.looseObject({
      createOption: z.enum(["Copy", "CopyStart"], {
        error: "the box makes snapshots of disks and of snapshots only",
      }),
      sourceResourceId: z.string(),
    }),
    incremental: z.boolean().default(false),
  }),
});
type SnapshotBody = z.infer<typeof snapshotBody>;

const TYPE = "Microsoft.Compute/snapshots";
/** Changes are not told across a resize over this line: a new family begins. */
const FAMILY_LINE = 4096 * GIB;

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(snapshotBody, call.body);
  const location = regionOf(box, body.location, TYPE);
  const known = box.state.snapshots.get(path.id);
  sameRegion(known, location);
  if (known) return update(call, known, body);
  const source = startOf(box, body, location);
  const disk = box.state.disks.get(source.id);
  if (disk && body.properties.incremental) countSnapshot(box, disk);
  return accepted(call, box.state.snapshots.put(created(call, body, location, source)), "snapshot.create");
}

/** @throws ArmError as Azure refuses a source. */
function startOf(box: Box, { properties }: SnapshotBody, location: string): Image {
  const { createOption, sourceResourceId } = properties.creationData;
  if (createOption === "Copy") return sourceOf(box, sourceResourceId, location);
  const source = box.state.snapshots.get(sourceResourceId);
  if (!source) throw new ArmError(404, "NotFound", `The entity ${sourceResourceId} was not found.`);
  if (!source.properties.incremental || !properties.incremental)
    throw new ArmError(400, "BadRequest", "CopyStart copies incremental snapshots to incremental ones only.");
  return source;
}

function created({ box, path }: Call, body: SnapshotBody, location: string, source: Image): Snapshot {
  const { creationData, incremental, ...properties } = body.properties;
  const { diskSizeBytes, uniqueId, osType, hyperVGeneration } = source.properties;
  const now = box.clock.now();
  return {
    id: armId(path.id),
    name: path.name,
    type: TYPE,
    location,
    tags: body.tags ?? {},
    sku: { tier: body.sku.name.split("_")[0], ...body.sku },
    properties: {
      networkAccessPolicy: "AllowAll",
      publicNetworkAccess: "Enabled",
      encryption: { type: "EncryptionAtRestWithPlatformKey" },
      ...properties,
      ...(osType && { osType }),
      ...(typeof hyperVGeneration === "string" && { hyperVGeneration }),
      creationData: { ...creationData, sourceUniqueId: uniqueId },
      incremental,
      ...(incremental && { incrementalSnapshotFamilyId: familyOf(source) }),
      diskSizeBytes,
      diskSizeGB: Math.ceil(diskSizeBytes / GIB),
      diskState: "Unattached",
      timeCreated: toIso(now),
      uniqueId: randomUUID(),
      provisioningState: "Updating",
    },
    hidden: { file: fileFor(box, path.id, path.name, "snapshot"), grants: [], taken: now, copied: now },
  };
}

/** The same for all incremental snapshots of one disk, its copies in other regions included. */
function familyOf({ properties }: Image): string {
  const family = properties["incrementalSnapshotFamilyId"];
  if (typeof family === "string") return family;
  const side = properties.diskSizeBytes > FAMILY_LINE ? "large" : "small";
  const hex = sha256(Buffer.from(`${String(properties["uniqueId"])} ${side}`));
  return hex.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
}

/** Where a snapshot's content comes from never changes; the same again is no change. */
function update(call: Call, known: Snapshot, { properties, tags }: SnapshotBody): Reply {
  const { createOption, sourceResourceId } = known.properties.creationData;
  const wanted = properties.creationData;
  if (
    wanted.createOption !== createOption ||
    wanted.sourceResourceId.toLowerCase() !== sourceResourceId.toLowerCase()
  )
    throw new ArmError(409, "PropertyChangeNotAllowed", "Changing property 'creationData' is not allowed.");
  known.tags = tags ?? {};
  const again = known.properties.provisioningState === "Failed";
  return accepted(call, known, again ? "snapshot.create" : "snapshot.update");
}

function accepted(call: Call, snapshot: Snapshot, kind: string): Reply {
  snapshot.properties.provisioningState = "Updating";
  return begun(call, snapshot, kind, { status: 202, body: shown(call.box, snapshot) });
}

function shown({ clock, config }: Box, { hidden, ...snapshot }: Snapshot) {
  const left = Math.max(0, hidden.copied - clock.now()) / 1000;
  if (snapshot.properties.provisioningState !== "Succeeded") return snapshot;
  const completionPercent = left === 0 ? 100 : Math.max(0, 100 - (100 * left) / config.backgroundCopyTime);
  return { ...snapshot, properties: { ...snapshot.properties, completionPercent } };
}

const at = (call: Call): Snapshot => existing(call.box.state.snapshots, TYPE, call);

function startDelete(call: Call): Reply {
  const snapshot = call.box.state.snapshots.get(call.path.id);
  if (!snapshot) return { status: 204 };
  refuseGranted("snapshot", snapshot);
  return begun(call, snapshot, "snapshot.delete", { status: 202 });
}

export const snapshots: Family = {
  type: TYPE,
  since: "2024-03-02",
  get: (call) => ({ status: 200, body: shown(call.box, at(call)) }),
  put,
  patch: (call) => patchTags(at(call), call, () => shown(call.box, at(call))),
  delete: startDelete,
  list: ({ box, path }) => ({
    status: 200,
    body: { value: box.state.snapshots.under(path.id).map((snapshot) => shown(box, snapshot)) },
  }),
  find: (box, id) => box.state.snapshots.get(id),
  actions: {
    begingetaccess: { method: "POST", run: (call) => beginSnapshotAccess(call, at(call)) },
    endgetaccess: { method: "POST", run: (call) => endAccess(call, at(call)) },
  },
};
