import { rmSync } from "node:fs";
import { toIso } from "../../../engine/core/clock.ts";
import { type Micros, micros } from "../../../engine/core/units.ts";
import type { Box } from "../box.ts";
import type { Image, Snapshot } from "../model.ts";
import type { Work } from "../operations.ts";
import { copySparse } from "./disk-file.ts";
import { copyFrozen, sourceOf } from "./snapshot-source.ts";

/** Skus whose snapshots are there at once and filled in the background. */
const FILLED_LATER = /^(PremiumV2|UltraSSD)_/;

/** Takes the image. It may run twice: what an earlier run copied is written over. */
export const createSnapshot: Work = {
  async run(box, { resource }) {
    const snapshot = box.state.snapshots.get(resource);
    if (!snapshot) return;
    const { createOption, sourceResourceId } = snapshot.properties.creationData;
    const source =
      createOption === "CopyStart"
        ? box.state.snapshots.get(sourceResourceId)
        : sourceOf(box, sourceResourceId, snapshot.location);
    if (!source) return;
    await (createOption === "CopyStart"
      ? copySparse(source.hidden.file, snapshot.hidden.file, source.properties.diskSizeBytes)
      : copyFrozen(box, source, snapshot.hidden.file));
    snapshot.hidden.taken = "taken" in source.hidden ? source.hidden.taken : box.clock.now();
    snapshot.hidden.copied = copiedAt(box, snapshot, source);
    snapshot.properties.timeCreated = toIso(box.clock.now());
    snapshot.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const snapshot = box.state.snapshots.get(resource);
    if (snapshot) snapshot.properties.provisioningState = "Failed";
  },
};

function copiedAt(box: Box, { properties }: Snapshot, source: Image): Micros {
  const later = properties.creationData.createOption === "CopyStart" || FILLED_LATER.test(source.sku.name);
  return later ? micros(box.clock.now() + box.config.backgroundCopyTime * 1000) : box.clock.now();
}

export const updateSnapshot: Work = {
  run(box, { resource }) {
    const snapshot = box.state.snapshots.get(resource);
    if (snapshot) snapshot.properties.provisioningState = "Succeeded";
  },
};

export const deleteSnapshot: Work = {
  run(box, { resource }) {
    const snapshot = box.state.snapshots.get(resource);
    if (snapshot) removeSnapshot(box, snapshot);
  },
};

export function removeSnapshot(box: Box, snapshot: Snapshot): void {
  box.state.snapshots.delete(snapshot.id);
  rmSync(snapshot.hidden.file, { force: true });
}
