import { addDisksRequest, removeDisksRequest } from "../engine/contract/item-disks.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../engine/core/ids.ts";
import { type ItemRecord, lastSegment } from "../engine/recovery/item.ts";
import { findItem } from "./find-item.ts";
import { bodyOf, route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";

const posted = { method: "POST", role: "Operator", versioned: true } as const;

route("addDisks", { ...posted, path: `${PATHS.item}/addDisks` }, async ({ services, request }) => {
  const { vmManagedDisks } = (await bodyOf(request, addDisksRequest)).properties.providerSpecificDetails;
  const item = await findItem(services, itemIn(request));
  const there = vmManagedDisks.find(({ diskId }) => has(item, diskId));
  if (there)
    throw new LeewardError("InvalidRequest", `${lastSegment(there.diskId)} is one of its disks already`);
  throw refused(item, "added");
});

route("removeDisks", { ...posted, path: `${PATHS.item}/removeDisks` }, async ({ services, request }) => {
  const { vmManagedDisksIds } = (await bodyOf(request, removeDisksRequest)).properties
    .providerSpecificDetails;
  const item = await findItem(services, itemIn(request));
  const gone = vmManagedDisksIds.find((id) => !has(item, id));
  if (gone) throw new LeewardError("InvalidRequest", `${lastSegment(gone)} is none of its disks`);
  throw refused(item, "removed");
});

const has = ({ source }: ItemRecord, id: ArmId): boolean =>
  source?.disks.some((disk) => sameArmId(disk.id, id)) ?? false;

/** A journal is of one set of disks, in one order: every point and every digest counts on it. */
const refused = ({ id, state }: ItemRecord, what: string) =>
  new LeewardError(
    "StateNotAllowed",
    `${lastSegment(id)} is ${state}: no disk can be ${what} while it is protected; remove its protection, with keepPoints where the points are to stay, and enable it again with the disks that are wanted`,
  );
