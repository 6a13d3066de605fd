import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import type { ContainerMappingRecord } from "../../engine/recovery/container-mapping.ts";
import { containerOf, fabricOf } from "../../engine/recovery/fabric.ts";
import { type ItemRecord, lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import type { Records } from "../../engine/recovery/records.ts";
import type { Services } from "../services.ts";

/** A fabric, whether somebody made it or an item names it. */
export interface Fabric {
  readonly id: ArmId;
  /** Undefined where nobody said it. */
  readonly location?: string | undefined;
}

/** What a vault has of containers, and what is in them. */
export interface Inventory {
  readonly fabrics: readonly Fabric[];
  readonly containers: readonly ArmId[];
  readonly mappings: readonly ContainerMappingRecord[];
  readonly items: readonly ItemRecord[];
}

/**
 * Everything of it, read anew. Fabrics and containers that were never made are there as well as long as an item names them:
 * protection does not wait for somebody to make them.
 */
export async function inventoryOf({ records }: Pick<Services, "records">, vault: ArmId): Promise<Inventory> {
  const [fabrics, containers, mappings, items] = await Promise.all([
    inVault(records.fabrics, vault),
    inVault(records.containers, vault),
    inVault(records.containerMappings, vault),
    inVault(records.items, vault),
  ]);
  const named = items.flatMap(placesOf).filter(({ container }) => isIn(vault, container));
  return {
    fabrics: fabricsOf([...fabrics, ...named.map(fabricOfPlace)]),
    containers: distinct([...containers.map(({ id }) => id), ...named.map(({ container }) => container)]),
    mappings,
    items,
  };
}

/** All records of a kind in a vault. */
export async function inVault<Value extends { readonly id: ArmId }>(
  records: Pick<Records<Value>, "list">,
  vault: ArmId,
): Promise<Value[]> {
  const found: Value[] = [];
  for await (const one of records.list()) if (sameArmId(vaultOf(one.id), vault)) found.push(one);
  return found;
}

interface Place {
  readonly container: ArmId;
  readonly location?: string | undefined;
}

/** The container that an item is in, and the one that it goes to. */
function placesOf({ id, recoveryContainerId, source, target }: ItemRecord): Place[] {
  const at = containerOf(id);
  const to = containerOf(recoveryContainerId ?? "");
  return [
    ...(at ? [{ container: at, location: source?.region }] : []),
    ...(to ? [{ container: to, location: target?.region }] : []),
  ];
}

const fabricOfPlace = ({ container, location }: Place): Fabric => ({
  id: fabricOf(container) ?? container,
  location,
});

/** Each once, by id; of what is named several times the first casing. */
function distinct(ids: readonly ArmId[]): ArmId[] {
  const found = new Map<string, ArmId>();
  for (const id of ids) if (!found.has(id.toLowerCase())) found.set(id.toLowerCase(), id);
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, id]) => id);
}

/** Each once, where somebody says that it is. */
const fabricsOf = (named: readonly Fabric[]): Fabric[] =>
  distinct(named.map(({ id }) => id)).map((id) => ({
    id,
    location: named.find((one) => sameArmId(one.id, id) && one.location !== undefined)?.location,
  }));

/** @throws NotFound */
export function fabricIn({ fabrics }: Inventory, id: ArmId): Fabric {
  const found = fabrics.find((one) => sameArmId(one.id, id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return found;
}

/** @throws NotFound */
export function containerIn({ containers }: Inventory, id: ArmId): ArmId {
  const found = containers.find((one) => sameArmId(one, id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return found;
}

export const isIn = (outer: ArmId, inner: string): boolean =>
  inner.toLowerCase().startsWith(`${outer.toLowerCase()}/`);

/** Names of a few, for a refusal that says what is in the way. */
export function naming(ids: readonly string[]): string {
  const names = ids.slice(0, 5).map((id) => lastSegment(armId(id)));
  return ids.length > 5 ? `${names.join(", ")} and ${ids.length - 5} more` : names.join(", ");
}
