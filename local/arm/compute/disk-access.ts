import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { z } from "zod";
import { begun } from "../begun.ts";
import { messageOf } from "../../../engine/core/errors.ts";
import { bytes, micros } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES, checkVhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Call, Reply } from "../call.ts";
import type { Disk, Image, Snapshot } from "../model.ts";
import type { Work } from "../operations.ts";
import { refuseUnready } from "./snapshot-limit.ts";

const accessBody = z.object({
  access: z.enum(["Read", "Write"]),
  durationInSeconds: z.number().int().min(1).max(4_294_967_295),
});

/** In which states bytes may be read or written, and what state the access brings. */
const ALLOWED = {
  Read: { from: ["Unattached", "Reserved", "ActiveSAS"], to: "ActiveSAS" },
  Write: { from: ["ReadyToUpload", "ActiveUpload"], to: "ActiveUpload" },
} as const;

export function beginAccess(call: Call, disk: Disk): Reply {
  const { access, durationInSeconds } = bodyOf(accessBody, call.body);
  const { from, to } = ALLOWED[access];
  const { diskState } = disk.properties;
  if (!from.some((state) => state === diskState))
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Cannot perform ${access.toLowerCase()} access on disk '${disk.name}' while it is in state ${diskState}. Allowed states: ${from.join(", ")}.`,
    );
  disk.properties.diskState = to;
  return granted(call, disk, access, durationInSeconds);
}

/** Snapshots are never written. */
export function beginSnapshotAccess(call: Call, snapshot: Snapshot): Reply {
  const { access, durationInSeconds } = bodyOf(accessBody, call.body);
  if (access !== "Read")
    throw new ArmError(
      400,
      "InvalidParameter",
      `Access '${access}' is not allowed on snapshot '${snapshot.name}'.`,
    );
  refuseUnready(call.box, snapshot);
  snapshot.properties.diskState = "ActiveSAS";
  return granted(call, snapshot, access, durationInSeconds);
}

function granted(call: Call, image: Image, access: "Read" | "Write", seconds: number): Reply {
  const grant = randomUUID();
  const expires = micros(call.box.clock.now() + seconds * 1_000_000);
  image.hidden.grants.push({ id: grant, access, expires });
  return begun(call, image, "disk.begin-access", { status: 202 }, { grant });
}

/** Does nothing when there is no access to end. */
export const endAccess = (call: Call, image: Image): Reply =>
  begun(call, image, "disk.end-access", { status: 202 });

export const openAccess: Work = {
  run: () => undefined,
  /** Signed when asked for, so that no SAS is ever stored. */
  output(box, { resource, input }) {
    const disk = box.state.disks.get(resource) ?? box.state.snapshots.get(resource);
    const grant = disk?.hidden.grants.find(({ id }) => id === input["grant"]);
    return disk && grant ? { accessSAS: box.diskSas.urlOf(disk, grant) } : undefined;
  },
};

export const closeAccess: Work = {
  async run(box, { resource }) {
    const snapshot = box.state.snapshots.get(resource);
    if (snapshot) {
      snapshot.properties.diskState = "Unattached";
      snapshot.hidden.grants = [];
    }
    const disk = box.state.disks.get(resource);
    if (!disk) return;
    if (disk.properties.diskState === "ActiveUpload") await finishUpload(disk);
    if (disk.properties.diskState === "ActiveSAS")
      disk.properties.diskState = disk.managedBy ? "Reserved" : "Unattached";
    disk.hidden.grants = [];
  },
};

/** What was uploaded is a fixed VHD: its footer is checked, then cut off. */
async function finishUpload(disk: Disk): Promise<void> {
  const size = disk.properties.diskSizeBytes;
  const image = await open(disk.hidden.file, "r+");
  try {
    const footer = Buffer.alloc(VHD_FOOTER_BYTES);
    const { bytesRead } = await image.read(footer, 0, VHD_FOOTER_BYTES, size);
    if (bytesRead > 0) checkVhdFooter(footer, bytes(size + VHD_FOOTER_BYTES));
    await image.truncate(size);
    await image.sync();
  } catch (error) {
    throw new ArmError(400, "InvalidVhd", messageOf(error));
  } finally {
    await image.close();
  }
  disk.properties.diskState = "Unattached";
}
