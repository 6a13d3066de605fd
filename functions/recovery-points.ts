import type { DamagedPoint, RecoveryPointResource } from "../engine/contract/recovery-point.ts";
import { barrierIdField } from "../engine/contract/field.ts";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { mapInOrder } from "../engine/core/in-order.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import type { BarriersRecord } from "../engine/recovery/agent-record.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type VerificationRecord, standingOf } from "../engine/recovery/verification.ts";
import { listGroupPoints } from "../engine/replication/group-points.ts";
import { type UnreadablePoint, readPoint, readPointAt, unreadableAt } from "../engine/replication/points.ts";
import { nameOf } from "../engine/replication/reach.ts";
import { healing, listHealed } from "./activities/healing.ts";
import { knownUnreadable } from "./activities/unreadable.ts";
import { findItem } from "./find-item.ts";
import { type Call, route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";
import { sliceOf } from "./vault/paging.ts";

const path = `${PATHS.item}/recoveryPoints`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

/** Newest first, a page at a time. */
route("listRecoveryPoints", { ...read, path }, async (call) => {
  const item = await findItem(call.services, itemIn(call.request));
  const places = await listHealed(call.services, item.machine);
  const { page, nextLink } = sliceOf(call, places, nameOf, { descending: true });
  const known = await standing(call, item);
  const value: RecoveryPointResource[] = [];
  const leewardDamaged: DamagedPoint[] = [];
  const hopeless = new Set((await knownUnreadable(call.services, item.machine)).map(({ point }) => point));
  const points = mapInOrder(page, 8, (place) => {
    const read = () => readPointAt(call.services.target, nameOf(place));
    // Retention tries in each of its rounds whether it can be made again by now.
    const reading = hopeless.has(place.id) ? read() : healing(call.services, item.machine, read);
    return reading.catch((error: unknown) => unreadableAt(place, error));
  });
  for await (const point of points) {
    if (!point) continue;
    if ("error" in point) leewardDamaged.push(damaged(item, point));
    else value.push(view(item, point, known));
  }
  // Points between which nothing was written have one sequence, and names in any order.
  value.sort((a, b) => b.properties.recoveryPointTime.localeCompare(a.properties.recoveryPointTime));
  return { jsonBody: { value, leewardDamaged, nextLink } };
});

route("getRecoveryPoint", { ...read, path: `${path}/{point}` }, async (call) => {
  const item = await findItem(call.services, itemIn(call.request));
  const id = barrierIdField.safeParse(call.param("point"));
  if (!id.success) throw new LeewardError("NotFound", `there is no recovery point of this name`);
  const known = await standing(call, item);
  const { services } = call;
  const point = await healing(services, item.machine, () =>
    readPoint(services.target, item.machine, id.data),
  );
  return { jsonBody: view(item, point, known) };
});

/** Not among the others: a client takes those to be points that it may fail over to. */
const damaged = ({ id }: ItemRecord, { place, error }: UnreadablePoint): DamagedPoint => ({
  id: `${id}/recoveryPoints/${place.id}`,
  name: place.id,
  generation: place.generation,
  sequence: place.sequence,
  code: error.code,
  message: messageOf(error),
  remedy: error.remedy,
});

/** What is known of the points beside their manifests. */
interface Standing {
  readonly verification: VerificationRecord | undefined;
  readonly barriers: BarriersRecord | undefined;
  /** Points of its group. */
  readonly common: ReadonlySet<string>;
}

async function standing(
  { services: { records, target } }: Call,
  { machine, group }: ItemRecord,
): Promise<Standing> {
  const [verification, barriers, points] = await Promise.all([
    records.verification.get(machine),
    records.barriers.get(machine),
    group === undefined ? [] : listGroupPoints(target, group),
  ]);
  const common = new Set<string>(points.map(({ id }) => id));
  return { verification: verification?.value, barriers: barriers?.value, common };
}

const unmetOf = (barriers: BarriersRecord | undefined, point: string): { unmet?: string } => {
  const found = barriers?.unmet.find(({ id }) => id === point);
  return found ? { unmet: found.why } : {};
};

const VERIFIED = { verified: true, unverified: false, bad: "bad", suspect: "suspect" } as const;

const view = (
  item: ItemRecord,
  point: RecoveryPoint,
  { verification: known, barriers, common }: Standing,
): RecoveryPointResource => ({
  id: `${item.id}/recoveryPoints/${point.id}`,
  name: point.id,
  type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems/recoveryPoints",
  properties: {
    recoveryPointTime: toIso(point.time),
    recoveryPointType: point.consistency === "crash" ? "CrashConsistent" : "AppConsistent",
    providerSpecificDetails: {
      instanceType: "A2A",
      recoveryPointSyncType: common.has(point.id) ? "MultiVmSyncRecoveryPoint" : "PerVmRecoveryPoint",
      disks: point.disks.map(({ name }) => name),
    },
    leeward: {
      generation: point.generation,
      sequence: point.sequence,
      verified: VERIFIED[standingOf(known, point)],
      ...unmetOf(barriers, point.id),
      ...(point.spread !== undefined && { spread: point.spread }),
      losses: point.losses,
      disks: point.disks,
    },
  },
});
