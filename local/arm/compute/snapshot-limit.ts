import { sameArmId } from "../../../engine/core/ids.ts";
import { micros } from "../../../engine/core/units.ts";
import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Disk, Snapshot } from "../model.ts";

/** Published limits of incremental snapshots: of one disk within a time, of one disk alive, and of one family open. */
const MOST_IN_WINDOW = 7;
const WINDOW_MICROS = 5 * 60 * 1_000_000;
const MOST_ALIVE = 500;
const MOST_OPEN = 5;
/** Of a disk whose snapshots are filled in the background. */
const MOST_PENDING = 3;

/** Counts one more incremental snapshot of the disk. @throws ArmError 409; nothing was counted then. */
export function countSnapshot(box: Box, disk: Disk): void {
  const now = box.clock.now();
  const alive = snapshotsOf(box, disk);
  if (alive.length >= MOST_ALIVE)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Disk '${disk.name}' has ${MOST_ALIVE} incremental snapshots. That is the most that a disk may have.`,
    );
  if (alive.filter(({ hidden }) => hidden.copied > now).length >= MOST_PENDING)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Disk '${disk.name}' has ${MOST_PENDING} incremental snapshots whose background copy is not complete.`,
    );
  const recent = disk.hidden.snapshots.filter((time) => time > now - WINDOW_MICROS);
  if (recent.length >= MOST_IN_WINDOW)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Disk '${disk.name}' had ${MOST_IN_WINDOW} incremental snapshots within five minutes. That is the most.`,
    );
  disk.hidden.snapshots = [...recent, micros(now)];
}

const snapshotsOf = (box: Box, disk: Disk): Snapshot[] =>
  box.state.snapshots
    .all()
    .filter(
      ({ properties }) =>
        properties.incremental && sameArmId(properties.creationData.sourceResourceId, disk.id),
    );

/** @throws ArmError 409 while its copy is not complete, or when five others of its family are open. */
export function refuseUnready(box: Box, snapshot: Snapshot): void {
  const now = box.clock.now();
  if (snapshot.properties.provisioningState !== "Succeeded" || snapshot.hidden.copied > now)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Snapshot '${snapshot.name}' cannot be read before its background copy is complete.`,
    );
  const family = snapshot.properties.incrementalSnapshotFamilyId;
  const open = box.state.snapshots
    .all()
    .filter(
      ({ id, properties, hidden }) =>
        id !== snapshot.id &&
        properties.incrementalSnapshotFamilyId === family &&
        hidden.grants.some(({ expires }) => expires > now),
    );
  if (family !== undefined && open.length >= MOST_OPEN)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `${MOST_OPEN} snapshots of the family of '${snapshot.name}' have a shared access signature. That is the most.`,
    );
}
