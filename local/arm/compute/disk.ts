import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { z } from "zod";
import { begun } from "../begun.ts";
import { toIso } from "../../../engine/core/clock.ts";
import { armId } from "../../../engine/core/ids.ts";
import { type Bytes, GIB, MIB, bytes } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES } from "../../../engine/azure/vhd-footer.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { refuseGranted } from "./disk-grant.ts";
import { existing } from "../resources/existing.ts";
import type { Disk } from "../model.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { beginAccess, endAccess } from "./disk-access.ts";
import { fileFor } from "./disk-file.ts";
import { asksForSize, resize } from "./disk-resize.ts";
import { placementAt } from "./placement.ts";
import { requireDisk } from "./usage.ts";
import { sourceOf } from "./snapshot-source.ts";

const creationData = z.discriminatedUnion("createOption", [
  z.looseObject({ createOption: z.literal("Empty") }),
  z.looseObject({ createOption: z.literal("Upload"), uploadSizeBytes: z.number().int() }),
  z.looseObject({
    createOption: z.literal("Import"),
    sourceUri: z.url(),
    storageAccountId: z.string(),
  }),
  z.looseObject({ createOption: z.literal("Copy"), sourceResourceId: z.string() }),
]);
type CreationData = z.infer<typeof creationData>;

const diskBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.string() }).default({ name: "Standard_LRS" }),
  zones: z.array(z.string()).optional(),
  properties: z.looseObject({
    creationData,
    diskSizeGB: z.number().int().min(1).max(65_536).optional(),
    osType: z.enum(["Linux", "Windows"]).optional(),
    encryption: z.looseObject({ diskEncryptionSetId: z.string().optional() }).optional(),
  }),
});
type DiskBody = z.infer<typeof diskBody>;

const TYPE = "Microsoft.Compute/disks";
const SMALLEST_UPLOAD = 20 * MIB;

function put(call: Call): Reply {
  const { box, path } = call;
  if (path.name.length > 80)
    throw new ArmError(400, "InvalidParameter", `The disk name '${path.name}' has more than 80 characters.`);
  const body = bodyOf(diskBody, call.body);
  const location = regionOf(box, body.location, TYPE);
  const known = box.state.disks.get(path.id);
  sameRegion(known, location);
  if (known) return update(call, known, body);
  requireDisk(box, location, body.sku.name);
  const set = body.properties.encryption?.diskEncryptionSetId;
  if (set) placementAt(box, set, location);
  const disk = box.state.disks.put(created(call, body, location));
  return accepted(call, disk, call.seed?.file ? "disk.update" : "disk.create");
}

function created({ box, path, seed }: Call, body: DiskBody, location: string): Disk {
  const { creationData: from, ...properties } = body.properties;
  const size = seed?.file
    ? bytes(statSync(seed.file).size)
    : sizeOf(box, from, location, properties.diskSizeGB);
  return {
    id: armId(path.id),
    name: path.name,
    type: TYPE,
    location,
    tags: body.tags ?? {},
    sku: { tier: body.sku.name.split("_")[0], ...body.sku },
    ...(body.zones && { zones: body.zones }),
    properties: {
      ...properties,
      creationData: from,
      diskSizeBytes: size,
      diskSizeGB: Math.ceil(size / GIB),
      diskState: "Unattached",
      timeCreated: toIso(box.clock.now()),
      uniqueId: randomUUID(),
      provisioningState: "Updating",
    },
    hidden: { file: seed?.file ?? fileFor(box, path.id, path.name), grants: [], snapshots: [] },
  };
}

/** Zero while only the blob knows it. @throws ArmError 400 or 404. */
function sizeOf(box: Box, from: CreationData, location: string, sizeGb: number | undefined): Bytes {
  switch (from.createOption) {
    case "Empty":
      if (sizeGb === undefined)
        throw new ArmError(
          400,
          "InvalidParameter",
          "Required parameter 'disk.diskSizeGB' is missing (null).",
        );
      return bytes(sizeGb * GIB);
    case "Upload":
      return uploadSize(from.uploadSizeBytes);
    case "Copy":
      return sourceOf(box, from.sourceResourceId, location).properties.diskSizeBytes;
    case "Import":
      return bytes(0);
  }
}

function uploadSize(withFooter: number): Bytes {
  const size = withFooter - VHD_FOOTER_BYTES;
  if (size < SMALLEST_UPLOAD || size % MIB !== 0)
    throw new ArmError(
      400,
      "InvalidParameter",
      `The value '${withFooter}' of parameter 'disk.creationData.uploadSizeBytes' is out of range. The value must be at least ${SMALLEST_UPLOAD + VHD_FOOTER_BYTES} and a whole number of MiB plus 512.`,
    );
  return bytes(size);
}

/** Where a disk's content comes from never changes; the same again is no change. */
function update(call: Call, known: Disk, body: DiskBody): Reply {
  const before: unknown = known.properties.creationData;
  if (JSON.stringify(before) !== JSON.stringify(body.properties.creationData))
    throw new ArmError(409, "PropertyChangeNotAllowed", "Changing property 'creationData' is not allowed.");
  known.tags = body.tags ?? {};
  known.sku = { ...known.sku, ...body.sku };
  if (known.properties.provisioningState === "Failed") return accepted(call, known, "disk.create");
  return accepted(call, known, "disk.update");
}

function accepted(call: Call, disk: Disk, kind: string): Reply {
  disk.properties.provisioningState = "Updating";
  return begun(call, disk, kind, { status: 202, body: shown(disk) });
}

const shown = (disk: Disk) => ({ ...disk, hidden: undefined });

const at = (call: Call): Disk => existing(call.box.state.disks, TYPE, call);

function startDelete(call: Call): Reply {
  const disk = call.box.state.disks.get(call.path.id);
  if (!disk) return { status: 204 };
  if (disk.managedBy)
    throw new ArmError(409, "OperationNotAllowed", `Disk ${disk.name} is attached to VM ${disk.managedBy}.`);
  refuseGranted("disk", disk);
  return begun(call, disk, "disk.delete", { status: 202 });
}

function patch(call: Call): Reply {
  const disk = at(call);
  return asksForSize(call.body)
    ? resize(call, disk, () => shown(disk))
    : patchTags(disk, call, () => shown(disk));
}

export const disks: Family = {
  type: TYPE,
  since: "2024-03-02",
  get: (call) => ({ status: 200, body: shown(at(call)) }),
  put,
  patch,
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.disks.under(path.id).map(shown) } }),
  find: (box, id) => box.state.disks.get(id),
  actions: {
    begingetaccess: { method: "POST", run: (call) => beginAccess(call, at(call)) },
    endgetaccess: { method: "POST", run: (call) => endAccess(call, at(call)) },
  },
};
