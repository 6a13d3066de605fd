import { type ArmId, resourceTypeOf, sameArmId } from "../core/ids.ts";
import { isOwned } from "../core/owner.ts";
import { type There, KINDS, copyOwner } from "./copy-name.ts";
import { type ItemRecord, type SourceMachine, type TargetMachine, lastSegment } from "./item.ts";
import type { NetworkMapping } from "./network-mapping.ts";
import type { PlannedResource } from "./plan-record.ts";
import { targetNic } from "./target-names.ts";

interface Facts {
  readonly item: Pick<ItemRecord, "request">;
  readonly source: Pick<SourceMachine, "nics">;
  readonly there: There;
  readonly mapping: (network: ArmId) => NetworkMapping | undefined;
}

/** Of which source something is, or is to be, the copy, as far as mappings say. */
export const homeOf =
  ({ mapping }: Pick<Facts, "mapping">) =>
  (copy: ArmId): ArmId | undefined =>
    mapping(copy)?.target;

/** Why names that the caller chose cannot be had, each with its field. */
export function namesLacking(
  facts: Facts,
  target: TargetMachine,
  resources: readonly PlannedResource[],
): string[] {
  const chosen = facts.item.request.names ?? [];
  return [
    ...chosen.flatMap(({ source, name }) => whyNot(facts, source, name, resources) ?? []),
    ...interfacesLacking(facts, target),
  ];
}

const FIELD = "(properties.leeward.target.names)";

function whyNot(
  { there, mapping }: Facts,
  source: ArmId,
  name: string,
  resources: readonly PlannedResource[],
): string | undefined {
  const copy = resources.find(({ from, how }) => from && sameArmId(from, source) && how !== "named");
  if (!copy) return `${source} is not copied, so its copy has no name ${FIELD}`;
  if (lastSegment(copy.id).toLowerCase() !== name.toLowerCase())
    return `the network mapping leads ${source} to ${copy.id}, not to ${name} ${FIELD}`;
  const home = mapping(copy.id)?.target;
  if (home && !sameArmId(home, source)) return `${copy.id} is the copy of ${home} ${FIELD}`;
  const kind = Object.values(KINDS).find(
    ({ type }) => type.toLowerCase() === resourceTypeOf(source).toLowerCase(),
  );
  const found = there(copy.id);
  if (!kind || !found || isOwned(found.tags, copyOwner(kind, source))) return undefined;
  return `${copy.id} exists and is not Leeward's copy of ${source} ${FIELD}`;
}

/** Two interfaces of one name would be one. */
function interfacesLacking({ source, there }: Facts, target: TargetMachine): string[] {
  const ids = source.nics.map(({ name }) => targetNic(target, name));
  return ids.flatMap((id, at) => {
    if (ids.slice(0, at).some((other) => sameArmId(other, id)))
      return `two network interfaces would be called ${lastSegment(id)} (properties.leeward.target.nics)`;
    const asked = target.nics?.[at]?.recoveryName;
    const found = asked === undefined ? undefined : there(id);
    return found && found.tags["leeward-role"] !== "target-nic"
      ? `${id} exists and is not Leeward's (properties.leeward.target.nics)`
      : [];
  });
}
